import { GatewayError } from '../../../domain/errors/error.ts'
import type { Part } from '../../../domain/types.ts'
import type { ChatDecoder, ChatSink } from '../../define.ts'
import { usageFrom } from '../../prices/usage.ts'
import { endingOf } from '../finish-words.ts'
import { fieldsOf, isObject, type JsonFields, listOf, parseJson, textOf } from '../json.ts'
import { ReplySource } from '../json-source.ts'
import { readError } from '../openai/error.ts'

/**
 * Reads a response. A line of a stream has the form of a whole response, with the next pieces of its message, so one
 * reader serves both. https://docs.ollama.com/api/chat
 */
export class OllamaDecoder implements ChatDecoder {
  readonly #sink: ChatSink
  readonly #source = new ReplySource()
  #toolCalls = 0

  constructor(sink: ChatSink) {
    this.#sink = sink
  }

  whole(body: unknown, text: string): void {
    this.#source.read(text, body)
    const reply = fieldsOf(body)
    if (isObject(reply['message']) || typeof reply['response'] === 'string' || isFailure(reply)) {
      this.#line(reply)
      // Servers that imitate Ollama may leave out `done`; only `false` means that something is missing.
      if (reply['done'] === undefined && !this.#sink.ended) this.#finish(reply)
      this.end()
    } else this.#sink.fail(malformed('The upstream sent a reply without a message or a text.'))
  }

  /** Some proxies turn the lines into events, and add OpenAI's `[DONE]`. */
  frame(data: string): void {
    if (this.#sink.ended || data === '' || data === '[DONE]') return
    const line = parseJson(data)
    this.#source.read(data, line)
    if (isObject(line)) this.#line(line)
    else this.#sink.fail(malformed('The upstream sent a line that is not a JSON object.'))
  }

  /** A response is complete only with `done`. */
  end(): void {
    if (this.#sink.ended) return
    const message = 'The upstream ended its reply without saying that it was complete.'
    this.#sink.fail(new GatewayError('UPSTREAM_STREAM_TRUNCATED', message, { fallback: true }))
  }

  #line(line: JsonFields): void {
    this.#sink.identify(undefined, line['model'])
    this.#message(isObject(line['message']) ? line['message'] : generated(line))
    if (isFailure(line)) this.#sink.failWith(readError(line) ?? {})
    else if (line['done'] === true) this.#finish(line)
  }

  #message(message: JsonFields): void {
    const thinking = textOf(message['thinking'])
    if (thinking !== '') this.#sink.reasoning(0, { text: thinking })
    this.#sink.text(textOf(message['content']))
    for (const call of listOf(message['tool_calls'])) this.#toolCall(fieldsOf(call))
    for (const image of listOf(message['images'])) if (textOf(image) !== '') this.#sink.part(imagePart(textOf(image)))
  }

  /** Calls arrive whole. Older servers give them no id. */
  #toolCall(call: JsonFields): void {
    const called = fieldsOf(call['function'])
    const { name, arguments: given } = called
    if (textOf(name) === '') return
    const json = isObject(given) ? this.#source.member(called, 'arguments') : textOf(given)
    this.#sink.toolCall(this.#toolCalls++, { id: textOf(call['id']), name: textOf(name), arguments: json || '{}' })
  }

  #finish(line: JsonFields): void {
    const usage = usageFrom({
      input: line['prompt_eval_count'],
      output: line['eval_count'],
      cachedInput: line['prompt_eval_cached_count'],
    })
    if (usage) this.#sink.usage(usage)
    const raw = textOf(line['done_reason'])
    // Servers from before 2024-05 give none. `load` and `unload` end calls without a prompt.
    const ending = endingOf(raw)
    if (ending) this.#sink.stop(ending.reason, raw, ending.modelFailed)
    this.#sink.done()
  }
}

/** What a text completion says, in the form of a chat's message. https://docs.ollama.com/api/generate */
function generated({ response, thinking }: JsonFields): JsonFields {
  return { content: response, thinking }
}

/** A failure reported in a reply with status 200. */
function isFailure({ error }: JsonFields): boolean {
  return error !== undefined && error !== null && error !== ''
}

function imagePart(base64: string): Part {
  const bytes = Buffer.from(base64, 'base64')
  const media = {
    source: { case: 'data' as const, value: bytes },
    mimeType: imageType(bytes),
    name: '',
    transcript: '',
  }
  const content = { case: 'image' as const, value: { $typeName: 'llmgateway.v1.Media' as const, ...media } }
  return { $typeName: 'llmgateway.v1.Part', content, signature: '' }
}

/** The reply does not name the format; the first bytes do. */
function imageType(bytes: Buffer): string {
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return 'image/jpeg'
  return bytes.toString('latin1', 8, 12) === 'WEBP' ? 'image/webp' : 'image/png'
}

function malformed(message: string): GatewayError {
  return new GatewayError('UPSTREAM_MALFORMED', message, { fallback: true })
}
