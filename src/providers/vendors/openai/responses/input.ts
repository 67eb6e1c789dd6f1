import { type Message, Role, type ToolCall } from '../../../../domain/types.ts'
import type { ChatContext } from '../../../define.ts'
import type { JsonFields } from '../../json.ts'
import { leaveOutSignatures, makerOf } from '../../signature.ts'
import { fittingCallId } from '../call-ids.ts'
import { assistantText, fittingName, instructionRole } from '../chat/messages.ts'
import { isText, plainText, textOf } from '../content.ts'
import type { OpenAiDialect, OpenAiRules, ResponsesDialect } from '../dialect.ts'
import { encodePart } from './content.ts'

/** What decides how a conversation is written. */
export interface InputTarget {
  readonly dialect: OpenAiDialect
  readonly responses: ResponsesDialect
  readonly rules: OpenAiRules
  readonly leaveOut: ChatContext['leaveOut']
}

/** A conversation as the API takes it. */
export interface Input {
  /** The texts of the system that the conversation begins with. */
  readonly instructions: string
  readonly items: readonly JsonFields[]
}

/** The API refuses longer ids. */
const CALL_ID = /^[\s\S]{1,64}$/

/** Throws UNSUPPORTED for content that the API cannot carry. */
export function encodeInput(messages: readonly Message[], target: InputTarget): Input {
  const { responses, rules } = target
  const takesInstructions = responses.instructions && (rules.systemRole ?? 'system') === 'system'
  const isBegun = ({ role }: Message) => role !== Role.SYSTEM
  const begun = takesInstructions ? messages.findIndex(isBegun) : 0
  // A conversation of nothing but instructions has no input: then they are the input.
  const first = Math.max(begun, 0)
  const instructions = messages.slice(0, first).map((message, index) => plainText(message, `messages[${index}]`))
  return {
    instructions: instructions.join('\n\n'),
    items: messages.flatMap((message, index) => {
      const at = `messages[${index}]`
      if (message.name !== '' && message.role !== Role.TOOL) {
        target.leaveOut(`${at}.name`, 'the API has no names of participants')
      }
      return index < first ? [] : encodeMessage(message, at, target)
    }),
  }
}

function encodeMessage(message: Message, at: string, target: InputTarget): readonly JsonFields[] {
  const { dialect, rules } = target
  switch (message.role) {
    case Role.SYSTEM:
    case Role.DEVELOPER:
      return [{ role: instructionRole(message.role, dialect, rules), content: plainText(message, at) }]
    case Role.ASSISTANT:
      return encodeAssistant(message, at, target)
    case Role.TOOL: {
      const output = encodeContent(message, at)
      return [{ type: 'function_call_output', call_id: fittingCallId(message.toolCallId, CALL_ID), output }]
    }
    default:
      return [{ role: 'user', content: encodeContent(message, at) }]
  }
}

/** Text alone goes as one string. */
function encodeContent(message: Message, at: string): string | readonly JsonFields[] {
  if (message.parts.every(isText)) return textOf(message)
  return message.parts.map((part, index) => encodePart(part, `${at}.parts[${index}]`))
}

/** The reasoning, then what was said, then the calls: the order in which models work. */
function encodeAssistant(message: Message, at: string, target: InputTarget): readonly JsonFields[] {
  const { toolCalls, reasoning, refusal } = message
  leaveOutSignatures(message.parts, `${at}.parts`, target.leaveOut)
  for (const [index, { content }] of message.parts.entries()) {
    if (content.case === 'image') target.leaveOut(`${at}.parts[${index}]`, 'the API takes no image of a response back')
  }
  leaveOutSignatures(toolCalls, `${at}.tool_calls`, target.leaveOut)
  const items = reasoning.flatMap((_block, index) => encodeReasoning(message, index, at, target))
  const text = assistantText(message, at, { refusals: target.dialect.refusals, imagesBack: true }) ?? ''
  if (refusal !== '' && target.dialect.refusals) items.push(refusalItem(text, refusal))
  else if (text !== '' || (toolCalls.length === 0 && items.length === 0)) {
    items.push({ role: 'assistant', content: text })
  }
  return [...items, ...toolCalls.map((call) => encodeCall(call, target.rules))]
}

/**
 * A block whose signature is the vendor's encrypted reasoning. Its id stays behind: the vendor accepts the reasoning
 * without one, and refuses it with a wrong one. https://platform.openai.com/docs/guides/reasoning#encrypted-reasoning-items
 */
function encodeReasoning(
  { reasoning }: Message,
  index: number,
  at: string,
  { responses, leaveOut }: InputTarget,
): JsonFields[] {
  const { text = '', signature = '', redacted = '' } = reasoning[index] ?? {}
  const maker = makerOf(signature)
  if (maker !== undefined && responses.takesReasoningOf(maker)) {
    const summary = text === '' ? [] : [{ type: 'summary_text', text }]
    return [{ type: 'reasoning', summary, encrypted_content: signature }]
  }
  if (redacted !== '') leaveOut(`${at}.reasoning[${index}]`, 'only the vendor that encrypted it can read it')
  else if (signature !== '') leaveOut(`${at}.reasoning[${index}]`, 'only the vendor that signed it takes it back')
  return []
}

function refusalItem(text: string, refusal: string): JsonFields {
  const said = text === '' ? [] : [{ type: 'output_text', text, annotations: [] }]
  return { type: 'message', role: 'assistant', content: [...said, { type: 'refusal', refusal }] }
}

function encodeCall({ id, name, arguments: args }: ToolCall, rules: OpenAiRules): JsonFields {
  return {
    type: 'function_call',
    call_id: fittingCallId(id, CALL_ID),
    name: fittingName(name, rules),
    // Arguments may be empty where the tool has none; the API wants JSON.
    arguments: args === '' ? '{}' : args,
  }
}
