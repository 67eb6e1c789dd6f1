import { unsupported } from '../../../../domain/errors/error.ts'
import { type Message, type Part, type Reasoning, Role, type ToolCall } from '../../../../domain/types.ts'
import { isObject, objectJson, parseJson } from '../../json.ts'
import { makerOf } from '../../signature.ts'
import type { ModelTraits } from '../models.ts'
import { mediaJson, resultMediaJson } from './media.ts'
import { type TurnKind, Turns } from './turns.ts'

type LeaveOut = (field: string, why: string) => void

/** An earlier call of a tool. */
interface EarlierCall {
  readonly name: string
  /** Position among all calls of the conversation. */
  readonly position: number
}

/** Replaces the signature of a call from another vendor, or of one that lost it. Newer models require one. */
const NO_SIGNATURE = 'skip_thought_signature_validator'

/** Form of the ids that this gateway gives to calls. */
const OWN_ID = /^call_\d+$/

/** The conversation in JSON texts. */
export interface Conversation {
  readonly contents: string
  readonly systemInstruction?: string
}

/**
 * Encodes the conversation for the vendor. Messages of the system and the developer are separate from the turns,
 * wherever they stand. Throws UNSUPPORTED for content that the vendor cannot carry.
 * https://ai.google.dev/api/caching#Content
 */
export function encodeMessages(messages: readonly Message[], traits: ModelTraits, leaveOut: LeaveOut): Conversation {
  const system: string[] = []
  const encoder = new MessageEncoder(traits, leaveOut)
  for (const [index, message] of messages.entries()) {
    const at = `messages[${index}]`
    if (message.name !== '' && message.role !== Role.TOOL) {
      leaveOut(`${at}.name`, 'the vendor has no names of participants')
    }
    if (message.role === Role.SYSTEM || message.role === Role.DEVELOPER) system.push(...systemParts(message, at))
    else encoder.add(message, at)
  }
  const { turns } = encoder
  if (system.length === 0 && turns.isEmpty) throw unsupported('messages', 'the target needs a message with content')
  if (system.length === 0) return { contents: turns.toJson() }
  if (traits.systemRole !== 'user' && !turns.isEmpty) {
    return { contents: turns.toJson(), systemInstruction: `{"parts":[${system.join(',')}]}` }
  }
  turns.lead(system)
  return { contents: turns.toJson() }
}

function systemParts({ content, parts }: Message, at: string): string[] {
  if (parts.length === 0) return textJson(content)
  return parts.flatMap((part, index) => {
    if (part.content.case === 'text') return textJson(part.content.value)
    throw unsupported(`${at}.parts[${index}]`, 'the target takes only text here')
  })
}

/** Encodes messages in their order, because the result of a tool call depends on the call before it. */
class MessageEncoder {
  readonly turns = new Turns()
  readonly #traits: ModelTraits
  readonly #leaveOut: LeaveOut
  /** Latest call of each id: ids from this gateway repeat in every response. */
  readonly #calls = new Map<string, EarlierCall>()
  #callCount = 0

  constructor(traits: ModelTraits, leaveOut: LeaveOut) {
    this.#traits = traits
    this.#leaveOut = leaveOut
  }

  add(message: Message, at: string): void {
    switch (message.role) {
      case Role.ASSISTANT:
        this.#add('model', this.#assistant(message, at))
        break
      case Role.TOOL: {
        const call = this.#calls.get(message.toolCallId)
        this.#add('result', [resultJson(message, at, call, this.#traits)], call?.position)
        break
      }
      default:
        this.#add('user', contentParts(message, at))
    }
  }

  #add(kind: TurnKind, parts: readonly string[], position = 0): void {
    this.turns.add(
      kind,
      parts.map((json) => ({ json, position })),
    )
  }

  #assistant(message: Message, at: string): string[] {
    const signed = message.parts.map((part, index) => this.#signed(part, `${at}.parts[${index}]`))
    return [
      ...message.reasoning.flatMap((block, index) => this.#thought(block, `${at}.reasoning[${index}]`)),
      ...contentParts({ ...message, parts: signed }, at),
      ...textJson(message.refusal),
      ...message.toolCalls.map((call, index) => this.#call(call, index === 0, `${at}.tool_calls[${index}]`)),
    ]
  }

  #thought({ text, signature, redacted }: Reasoning, at: string): string[] {
    if (redacted !== '') this.#leaveOut(at, 'only the vendor that encrypted it can read it')
    const fields = { text, thought: true, ...this.#signature(signature, at) }
    return text === '' && !('thoughtSignature' in fields) ? [] : [JSON.stringify(fields)]
  }

  #call(call: ToolCall, isFirst: boolean, at: string): string {
    this.#calls.set(call.id, { name: call.name, position: this.#callCount++ })
    const fields = { ...idOf(call.id), name: call.name }
    const functionCall = objectJson(fields, { args: this.#args(call.arguments, at) })
    const signature = this.#signature(call.signature, at)
    // Only the first of several parallel calls is signed.
    const needed = this.#traits.signedCalls && isFirst ? { thoughtSignature: NO_SIGNATURE } : {}
    return objectJson({ ...needed, ...signature }, { functionCall })
  }

  /** They are empty where the tool has none, and can be broken where an answer was cut. */
  #args(text: string, at: string): string {
    if (text === '') return '{}'
    if (isObject(parseJson(text))) return text
    this.#leaveOut(`${at}.arguments`, 'they are not a JSON object')
    return '{}'
  }

  /** The part with its signature, if it can be one of this vendor's. */
  #signed(part: Part, at: string): Part {
    return 'thoughtSignature' in this.#signature(part.signature, at) ? part : { ...part, signature: '' }
  }

  #signature(signature: string, at: string): { readonly thoughtSignature?: string } {
    if (signature === '') return {}
    const maker = makerOf(signature)
    if (maker !== undefined && maker !== 'anthropic') return { thoughtSignature: signature }
    this.#leaveOut(`${at}.signature`, 'it comes from another vendor')
    return {}
  }
}

/** The text of a response is separate from its parts when these are all media. */
function contentParts({ content, parts }: Pick<Message, 'content' | 'parts'>, at: string): string[] {
  const beside = parts.some((part) => part.content.case === 'text') ? '' : content
  return [...textJson(beside), ...parts.flatMap((part, index) => partJson(part, `${at}.parts[${index}]`))]
}

/** The vendor refuses an empty text, unless it is signed. */
function textJson(text: string, signature = ''): string[] {
  if (text === '' && signature === '') return []
  return [JSON.stringify({ text, ...(signature !== '' && { thoughtSignature: signature }) })]
}

function partJson({ content, signature }: Part, at: string): string[] {
  switch (content.case) {
    case 'image':
    case 'audio':
    case 'file':
      return [mediaJson(content.value, signature, at)]
    default:
      return textJson(content.value ?? '', signature)
  }
}

/** https://ai.google.dev/api/caching#FunctionResponse */
function resultJson(message: Message, at: string, call: EarlierCall | undefined, traits: ModelTraits): string {
  const name = call?.name ?? message.name
  if (name === '') throw unsupported(`${at}.name`, 'the target needs the name of the tool that was called')
  const texts = message.parts.flatMap(({ content }) => (content.case === 'text' ? [content.value] : []))
  const media = resultMediaJson(message.parts, traits.mediaInResults, at)
  const functionResponse = objectJson(
    { ...idOf(message.toolCallId), name },
    {
      response: responseJson(message.content || texts.join('')),
      ...(media.length > 0 && { parts: `[${media.join(',')}]` }),
    },
  )
  return `{"functionResponse":${functionResponse}}`
}

/** A result must be an object; other values are wrapped under the vendor's name for them. */
function responseJson(text: string): string {
  return isObject(parseJson(text)) ? text : JSON.stringify({ output: text })
}

/** Ids from vendors only: those of this gateway are not unique in a conversation. */
function idOf(id: string): { readonly id?: string } {
  return id === '' || OWN_ID.test(id) ? {} : { id }
}
