import type { ChatRequest, CompleteRequest, EmbedRequest, Media, Message, Tool } from '../types.ts'
import { textTokenEstimate } from './scan.ts'

/** What a request sends, in tokens. */
export interface InputTokens {
  /** Estimated tokens of text, with what separates messages. A model's own tokenizer differs by a factor. */
  readonly text: number
  /** Estimated tokens of images, sounds and files. */
  readonly media: number
  /** At least as many tokens as any tokenizer makes of it: one for each byte of text. */
  readonly most: number
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

/** Tokens of an image, a sound or a file of unknown size: usually, and at most. */
const MEDIA = 1_000
const MOST_MEDIA = 5_000
const SHORT_CACHE = 300n

/** Counts the texts of a request as they are visited. */
class Counter {
  text = 0
  bytes = 0
  media = 0
  mostMedia = 0
  ttl = 0n

  add(text: string): void {
    if (text === '') return
    this.text += textTokenEstimate(text)
    this.bytes += Buffer.byteLength(text)
  }

  addMedia({ source }: Media): void {
    const bytes = source.case === 'data' ? source.value.length : 0
    this.media += MEDIA
    this.mostMedia += Math.max(MOST_MEDIA, bytes / 4)
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
  const { text, bytes, media, mostMedia, ttl } = counter
  const extra = tools.length > 0 ? MOST_FOR_TOOLS : 0
  return {
    text: text + messages.length * PER_MESSAGE + tools.length * PER_TOOL + 3,
    media,
    most: Math.ceil(bytes + mostMedia + messages.length * MOST_PER_MESSAGE + tools.length * MOST_PER_TOOL + extra),
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
  return { text: counter.text + 3, media: 0, most: counter.bytes + 4 * MOST_PER_MESSAGE, caching: 'no' }
}

export function embedTokens({ inputs }: EmbedRequest): InputTokens {
  const counter = new Counter()
  for (const input of inputs) counter.add(input)
  return { text: counter.text, media: 0, most: counter.bytes + inputs.length * 2, caching: 'no' }
}

function addMessage(counter: Counter, { content, parts, reasoning, toolCalls, name }: Message): void {
  counter.add(content)
  counter.add(name)
  for (const part of parts) {
    counter.cached(part.cacheTtl)
    if (part.content.case === 'text') counter.add(part.content.value)
    else if (part.content.case) counter.addMedia(part.content.value)
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
