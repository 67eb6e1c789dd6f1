import { GatewayError } from '../../../domain/error.ts'
import { FinishReason } from '../../../domain/types.ts'
import type { ChatDecoder, ChatSink } from '../../define.ts'
import { endingOf } from '../finish-words.ts'
import { fieldsOf, isObject, type JsonFields, listOf, mergeCounts, parseJson, textOf } from '../json.ts'
import { ReplySource } from '../json-source.ts'
import { Citations } from './citations.ts'
import { readError } from './error.ts'
import { mediaPart } from './media.ts'
import { isPartial, PartialCall } from './partial-call.ts'
import { readUsage } from './usage.ts'

const UNPLACED = 'The answer held parts of a kind that has no place in this API: they were left out.'

/**
 * Reads one answer. A stream is a row of whole replies, each with the next parts of the answer, so one reader serves
 * both. https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse
 */
export class GeminiDecoder implements ChatDecoder {
  readonly #sink: ChatSink
  readonly #source = new ReplySource()
  readonly #citations: Citations
  /** Counts grow from reply to reply, and not each reply has all of them. */
  #usage: JsonFields = {}
  #toolCalls = 0
  /** The call whose arguments are being told. */
  #partial: PartialCall | undefined
  /** Blocks of reasoning that are closed. */
  #thoughts = 0
  #isThinking = false
  /** Whether it was a reply of this API at all. */
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
    else this.#sink.fail(malformed('The upstream answered without a candidate.'))
  }

  /** The vendor has no word for the end; servers that imitate it have OpenAI's. */
  frame(data: string): void {
    if (data === '[DONE]') this.end()
    else if (data !== '') this.#replies(parseJson(data), data)
  }

  end(): void {
    if (this.#sink.ended) return
    // An answer without content and without a reason is what the vendor sends when it generated nothing.
    if (this.#sink.stopped || (this.#recognised && !this.#said)) this.#sink.done()
    else {
      const message = 'The upstream ended its reply without saying that it was complete.'
      this.#sink.fail(new GatewayError('UPSTREAM_STREAM_TRUNCATED', message, { fallback: true }))
    }
  }

  /** Without `alt=sse`, which a proxy may lose, a stream is a list of replies. */
  #replies(body: unknown, text: string): void {
    this.#source.read(text, body)
    for (const reply of Array.isArray(body) ? body : [body]) if (!this.#sink.ended) this.#reply(reply)
  }

  #reply(body: unknown): void {
    if (!isObject(body)) {
      this.#sink.fail(malformed('The upstream sent a reply that is no JSON object.'))
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
    // Before the end it lacks parts, and the count of the prompt is preliminary.
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

  /** A signature ends a block. Drafts of images are thoughts too: they are passed over. */
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

  /** Calls come whole, unless the arguments were asked for in pieces. */
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

  /** A question that the vendor does not answer. https://ai.google.dev/gemini-api/docs/safety-settings */
  #feedback(promptFeedback: unknown): void {
    const raw = textOf(fieldsOf(promptFeedback)['blockReason'])
    if (raw !== '' && !raw.endsWith('_UNSPECIFIED')) this.#sink.stop(FinishReason.CONTENT_FILTER, raw)
  }
}

/** Candidates beside the first are not asked for, and not read. */
function firstCandidate({ candidates }: JsonFields): JsonFields | undefined {
  for (const candidate of listOf(candidates)) {
    if (isObject(candidate) && !candidate['index']) return candidate
  }
  return undefined
}

function malformed(message: string): GatewayError {
  return new GatewayError('UPSTREAM_MALFORMED', message, { fallback: true })
}
