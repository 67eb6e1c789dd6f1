import { unsupported } from '../../../domain/errors/error.ts'
import { type Media, type Message, Role, type ToolCall } from '../../../domain/types.ts'
import { isObject, objectJson, parseJson } from '../json.ts'
import { leaveOutSignatures } from '../signature.ts'

export type LeaveOut = (field: string, why: string) => void

/**
 * Encodes the conversation, each message as JSON text. Arguments of tool calls are objects here and keep their exact
 * text. Throws UNSUPPORTED for content that Ollama cannot carry. https://docs.ollama.com/api/chat
 */
export function encodeMessages(messages: readonly Message[], leaveOut: LeaveOut): string[] {
  const toolNames = new Map<string, string>()
  return messages.map((message, index) => {
    for (const { id, name } of message.toolCalls) toolNames.set(id, name)
    return encodeMessage(message, `messages[${index}]`, toolNames, leaveOut)
  })
}

function encodeMessage(
  message: Message,
  at: string,
  toolNames: ReadonlyMap<string, string>,
  leaveOut: LeaveOut,
): string {
  const { text, images } = contentOf(message, at)
  const thinking = thinkingOf(message, at, leaveOut)
  const fields = {
    role: roles[message.role] ?? 'user',
    content: text,
    ...(images.length > 0 && { images }),
    ...(thinking !== '' && { thinking }),
    ...(message.role === Role.TOOL && toolResult(message, toolNames)),
  }
  leaveOutSignatures(message.parts, `${at}.parts`, leaveOut)
  leaveOutSignatures(message.toolCalls, `${at}.tool_calls`, leaveOut)
  if (message.name !== '' && message.role !== Role.TOOL) leaveOut(`${at}.name`, 'Ollama has no names of participants')
  if (message.toolCalls.length === 0) return JSON.stringify(fields)
  const calls = message.toolCalls.map((call, index) => callJson(call, `${at}.tool_calls[${index}]`, leaveOut))
  return objectJson(fields, { tool_calls: `[${calls.join(',')}]` })
}

const roles: Readonly<Partial<Record<Role, string>>> = {
  [Role.SYSTEM]: 'system',
  [Role.DEVELOPER]: 'system',
  [Role.USER]: 'user',
  [Role.ASSISTANT]: 'assistant',
  [Role.TOOL]: 'tool',
}

/** Older servers match results by the tool's name, newer ones also by the call's id. */
function toolResult({ name, toolCallId }: Message, toolNames: ReadonlyMap<string, string>) {
  const tool = name || toolNames.get(toolCallId)
  return { ...(tool !== undefined && { tool_name: tool }), tool_call_id: toolCallId }
}

/** A text and separate images; the format cannot express their order. */
function contentOf({ content, parts, refusal }: Message, at: string): { text: string; images: string[] } {
  let text = content
  const images: string[] = []
  for (const [index, part] of parts.entries()) {
    const { case: kind, value } = part.content
    if (kind === 'image') images.push(imageBytes(value, `${at}.parts[${index}]`))
    // `content` beside parts is their joined text, or the text of a response that is sent back.
    else if (kind === 'text') text += content === '' ? value : ''
    // Transcript of a sound that a model made.
    else if (kind === 'audio' && value.transcript !== '') text += value.transcript
    else if (kind !== undefined) throw unsupported(`${at}.parts[${index}]`, `the target takes no ${names[kind]}`)
  }
  return { text: text + refusal, images }
}

const names = { audio: 'sound', file: 'files' } as const

function imageBytes({ source }: Media, at: string): string {
  if (source.case !== 'data') throw unsupported(at, 'the target takes no images by URL: send the bytes')
  const { buffer, byteOffset, byteLength } = source.value
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64')
}

/** https://docs.ollama.com/capabilities/thinking. There are no signatures; only the text is sent back. */
function thinkingOf({ reasoning }: Message, at: string, leaveOut: LeaveOut): string {
  for (const [index, { redacted }] of reasoning.entries()) {
    if (redacted !== '') leaveOut(`${at}.reasoning[${index}]`, 'only the vendor that encrypted it can read it')
  }
  leaveOutSignatures(reasoning, `${at}.reasoning`, leaveOut)
  return reasoning.map(({ text }) => text).join('')
}

/** https://docs.ollama.com/capabilities/tool-calling. The id is read by newer servers only. */
function callJson({ id, name, arguments: given }: ToolCall, at: string, leaveOut: LeaveOut): string {
  let json = given.trim()
  if (!isObject(parseJson(json))) {
    if (json !== '') leaveOut(`${at}.arguments`, 'they are not a JSON object')
    json = '{}'
  }
  return objectJson({ id }, { function: objectJson({ name }, { arguments: json }) })
}
