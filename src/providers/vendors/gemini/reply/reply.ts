import { GatewayError } from '../../../../domain/errors/error.ts'
import { FinishReason } from '../../../../domain/types.ts'
import type { ChatDecoder, ChatSink } from '../../../define.ts'
import { endingOf } from '../../finish-words.ts'
import { fieldsOf, isObject, type JsonFields, listOf, mergeCounts, parseJson, textOf } from '../../json.ts'
import { ReplySource } from '../../json-source.ts'
import { readError } from '../error.ts'
import { mediaPart } from '../request/media.ts'
import { readUsage } from '../usage.ts'
import { Citations } from './citations.ts'
import { isPartial, PartialCall } from './partial-call.ts'

const UNPLACED = 'The answer held parts of a kind that has no place in this API: they were left out.'

/**
 * Reads a response. A stream is a sequence of whole replies, each with the next parts of the response, so one reader
 * serves both. https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse
 */
export class GeminiDecoder implements ChatDecoder {
  readonly #sink: ChatSink
  readonly #source = new ReplySource()
  readonly #citations: Citations
  /** Counts reported so far; each reply may hold only some of them. */
  #usage: JsonFields = {}
  #toolCalls = 0
  /** Call whose arguments are arriving. */
  #partial: PartialCall | undefined
  /** Number of closed blocks of reasoning. */
  #thoughts = 0
  #isThinking = false
  /** Whether anything so far was a reply of this API. */
  #recognised = false
  #said = false

  constructor(sink: ChatSink) {
    this.#sink = sink
    this.#citations = new Citations(sink)
  }

  whole(body: unknown, text: string): void {
    this.#replies(body, text)
    if (this.#sink.ended) return
    if (this.#recognised) this.#sink.done()
    else this.#sink.fail(malformed('The upstream sent a reply without a candidate.'))
  }

  /** The vendor sends no end marker; servers that imitate it send OpenAI's. */
  frame(data: string): void {
    if (data === '[DONE]') this.end()
    else if (data !== '') this.#replies(parseJson(data), data)
  }

  end(): void {
    if (this.#sink.ended) return
    // The vendor sends a response without content and reason when it generated nothing.
    if (this.#sink.stopped || (this.#recognised && !this.#said)) this.#sink.done()
    else {
      const message = 'The upstream ended its reply without saying that it was complete.'
      this.#sink.fail(new GatewayError('UPSTREAM_STREAM_TRUNCATED', message, { fallback: true }))
    }
  }

  /** Without `alt=sse`, which a proxy may drop, a stream is a list of replies. */
  #replies(body: unknown, text: string): void {
    this.#source.read(text, body)
    for (const reply of Array.isArray(body) ? body : [body]) if (!this.#sink.ended) this.#reply(reply)
  }

  #reply(body: unknown): void {
    if (!isObject(body)) {
      this.#sink.fail(malformed('The upstream sent a reply that is not a JSON object.'))
      return
    }
    this.#sink.identify(body['responseId'], textOf(body['modelVersion']).replace(/^models\//, ''))
    const candidate = firstCandidate(body)
    if (candidate) this.#candidate(candidate)
    this.#feedback(body['promptFeedback'])
    this.#count(body['usageMetadata'])
    this.#recognised ||= isObject(body['promptFeedback']) || Array.isArray(body['candidates'])
    if (body['error'] !== undefined && body['error'] !== null) this.#sink.failWith(readError(body) ?? {})
  }

  #count(reported: unknown): void {
    if (!isObject(reported)) return
    this.#recognised = true
    this.#usage = mergeCounts(this.#usage, reported)
    const usage = readUsage(this.#usage)
    // Before the end some counts are missing, and the count of the prompt is preliminary.
    if (usage && !this.#sink.stopped) usage.estimated = true
    if (usage) this.#sink.usage(usage)
  }

  #candidate(candidate: JsonFields): void {
    for (const part of listOf(fieldsOf(candidate['content'])['parts'])) this.#part(fieldsOf(part))
    this.#citations.read(candidate)
    const raw = textOf(candidate['finishReason'])
    const ending = raw === '' ? undefined : endingOf(raw)
    if (!ending) return
    this.#closeCall()
    this.#sink.stop(ending.reason, raw, ending.modelFailed)
  }

  /** https://ai.google.dev/api/caching#Part */
  #part(part: JsonFields): void {
    const signature = textOf(part['thoughtSignature'])
    if (part['thought'] === true) {
      this.#thought(textOf(part['text']), signature)
      return
    }
    this.#closeThought()
    if (isObject(part['functionCall'])) this.#call(part['functionCall'], signature)
    else if (isObject(part['inlineData'])) this.#media(part['inlineData'], signature)
    else {
      this.#text(textOf(part['text']), signature)
      const isUnplaced = Object.keys(part).some((name) => name !== 'text' && name !== 'thoughtSignature')
      if (isUnplaced && typeof part['text'] !== 'string') this.#sink.warn(UNPLACED)
    }
  }

  #text(text: string, signature: string): void {
    this.#said ||= text !== '' || signature !== ''
    this.#sink.text(text, signature)
  }

  /** A signature ends a block. Drafts of images are thoughts too and are ignored. */
  #thought(text: string, signature: string): void {
    if (text === '' && signature === '') return
    this.#said = true
    this.#isThinking = true
    this.#sink.reasoning(this.#thoughts, { ...(text && { text }), ...(signature && { signature }) })
    if (signature !== '') this.#closeThought()
  }

  #closeThought(): void {
    if (this.#isThinking) this.#thoughts++
    this.#isThinking = false
  }

  /** Calls arrive whole unless the request asked for arguments in pieces. */
  #call(call: JsonFields, signature: string): void {
    this.#said = true
    if (isPartial(call) || (this.#partial && textOf(call['name']) === '')) {
      this.#partial ??= new PartialCall(this.#source)
      this.#partial.add(call, signature)
      if (call['willContinue'] !== true) this.#closeCall()
      return
    }
    this.#closeCall()
    this.#sink.toolCall(this.#toolCalls++, {
      id: textOf(call['id']),
      name: textOf(call['name']),
      arguments: isObject(call['args']) ? this.#source.member(call, 'args') : '{}',
      signature,
    })
  }

  #closeCall(): void {
    if (this.#partial) this.#sink.toolCall(this.#toolCalls++, this.#partial.whole())
    this.#partial = undefined
  }

  #media(inlineData: JsonFields, signature: string): void {
    const part = mediaPart(inlineData, signature)
    if (!part) return
    this.#said = true
    this.#sink.part(part)
  }

  /** Reason why the vendor blocked the prompt. https://ai.google.dev/gemini-api/docs/safety-settings */
  #feedback(promptFeedback: unknown): void {
    const raw = textOf(fieldsOf(promptFeedback)['blockReason'])
    if (raw !== '' && !raw.endsWith('_UNSPECIFIED')) this.#sink.stop(FinishReason.CONTENT_FILTER, raw)
  }
}

/** Only the first candidate is requested and read. */
function firstCandidate({ candidates }: JsonFields): JsonFields | undefined {
  for (const candidate of listOf(candidates)) {
    if (isObject(candidate) && !candidate['index']) return candidate
  }
  return undefined
}

function malformed(message: string): GatewayError {
  return new GatewayError('UPSTREAM_MALFORMED', message, { fallback: true })
}
