import type { ChatRequest, CompleteRequest, EmbedRequest, Message, Tool } from '../types.ts'
import { type MediaInput, mediaInput } from './media.ts'
import { textTokenEstimate } from './scan.ts'

/** What a request sends, in tokens. */
export interface InputTokens {
  /** Estimated tokens of text, with what separates messages. A model's own tokenizer differs by a factor. */
  readonly text: number
  /** Images, sounds and files: each vendor counts them by a rule of its own. */
  readonly media: readonly MediaInput[]
  /** At least as many tokens as any tokenizer makes of the text: one for each byte. */
  readonly mostText: number
  /** How long the vendor is asked to cache a part of it, which has a price of its own. */
  readonly caching: 'no' | '5m' | '1h'
}

/** Tokens that separate messages and name their roles, and those around tools: usually, and at most. */
const PER_MESSAGE = 4
const PER_TOOL = 10
const MOST_PER_MESSAGE = 16
const MOST_PER_TOOL = 64
/** Instructions that vendors add where there are tools. */
const MOST_FOR_TOOLS = 600

const SHORT_CACHE = 300n

/** Counts the texts of a request as they are visited. */
class Counter {
  text = 0
  bytes = 0
  readonly media: MediaInput[] = []
  ttl = 0n

  add(text: string): void {
    if (text === '') return
    this.text += textTokenEstimate(text)
    this.bytes += Buffer.byteLength(text)
  }

  cached(ttl: { readonly seconds: bigint } | undefined): void {
    if (ttl && (this.ttl === 0n || ttl.seconds > this.ttl)) this.ttl = ttl.seconds > 0n ? ttl.seconds : 1n
  }
}

export function chatTokens({ messages, tools, responseFormat }: ChatRequest): InputTokens {
  const counter = new Counter()
  for (const message of messages) addMessage(counter, message)
  for (const tool of tools) addTool(counter, tool)
  if (responseFormat?.format.case === 'jsonSchema') counter.add(responseFormat.format.value.schema)
  const { text, bytes, media, ttl } = counter
  const extra = tools.length > 0 ? MOST_FOR_TOOLS : 0
  return {
    text: text + messages.length * PER_MESSAGE + tools.length * PER_TOOL + 3,
    media,
    mostText: bytes + messages.length * MOST_PER_MESSAGE + tools.length * MOST_PER_TOOL + extra,
    caching: ttl === 0n ? 'no' : ttl > SHORT_CACHE ? '1h' : '5m',
  }
}

/** Tokens of some of a chat's messages, without the tools. */
export function messageTokens(messages: readonly Message[]): Pick<InputTokens, 'text' | 'media'> {
  const counter = new Counter()
  for (const message of messages) addMessage(counter, message)
  return { text: counter.text + messages.length * PER_MESSAGE, media: counter.media }
}

/** Where a model has no endpoint for completions, the texts become a chat of two messages. */
export function completeTokens({ prompt, suffix }: CompleteRequest): InputTokens {
  const counter = new Counter()
  counter.add(prompt)
  counter.add(suffix)
  return { text: counter.text + 3, media: [], mostText: counter.bytes + 4 * MOST_PER_MESSAGE, caching: 'no' }
}

export function embedTokens({ inputs }: EmbedRequest): InputTokens {
  const counter = new Counter()
  for (const input of inputs) counter.add(input)
  return { text: counter.text, media: [], mostText: counter.bytes + inputs.length * 2, caching: 'no' }
}

function addMessage(counter: Counter, { content, parts, reasoning, toolCalls, name }: Message): void {
  counter.add(content)
  counter.add(name)
  for (const part of parts) {
    counter.cached(part.cacheTtl)
    if (part.content.case === 'text') counter.add(part.content.value)
    else if (part.content.case) counter.media.push(mediaInput(part.content.case, part.content.value))
  }
  for (const { text, redacted } of reasoning) {
    counter.add(text)
    counter.add(redacted)
  }
  for (const call of toolCalls) {
    counter.add(call.name)
    counter.add(call.arguments)
  }
}

function addTool(counter: Counter, tool: Tool): void {
  counter.add(tool.name)
  counter.add(tool.description)
  counter.add(tool.parameters)
}
