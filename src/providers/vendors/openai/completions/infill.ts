import { GatewayError } from '../../../../domain/errors/error.ts'
import type { CompleteRequest } from '../../../../domain/types.ts'
import type { ChatContext, ChatDecoder, ChatSink, UpstreamRequest } from '../../../define.ts'
import { usageFrom } from '../../../prices/usage.ts'
import { endingOf } from '../../finish-words.ts'
import { fieldsOf, isObject, type JsonFields, parseJson, textOf } from '../../json.ts'
import { jsonBody } from '../chat/body.ts'
import { readError } from '../error.ts'
import { type Dialects, sampling } from './request.ts'

/**
 * llama.cpp's endpoint for code before and after a gap, which has no equal in OpenAI's API.
 * https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md#post-infill-for-code-infilling
 */
export function encodeInfill(request: CompleteRequest, context: ChatContext, dialects: Dialects): UpstreamRequest {
  const { model, stream, extra } = context
  const fields = {
    model,
    input_prefix: request.prompt,
    input_suffix: request.suffix,
    ...(stream && { stream: true }),
    ...sampling(request, context, dialects, 'n_predict'),
  }
  return { path: '/infill', base: 'server', body: jsonBody(fields, {}, extra) }
}

/** Reads a reply. A frame of a stream has the form of a whole reply, with the next piece of the text. */
export class InfillDecoder implements ChatDecoder {
  readonly #sink: ChatSink

  constructor(sink: ChatSink) {
    this.#sink = sink
  }

  /** Some versions send a list with one reply. */
  whole(body: unknown): void {
    const reply = Array.isArray(body) ? body[0] : body
    if (!isObject(reply)) this.#sink.fail(malformed())
    else this.#take({ ...reply, stop: true })
  }

  frame(data: string, event: string): void {
    if (this.#sink.ended || data === '' || data === '[DONE]') return
    const reply = parseJson(data)
    if (event === 'error') this.#sink.failWith(readError(reply ?? data) ?? {})
    else if (!isObject(reply)) this.#sink.fail(malformed())
    else this.#take(reply)
  }

  end(): void {
    if (this.#sink.ended) return
    const message = 'The upstream ended its reply without saying that it was complete.'
    this.#sink.fail(new GatewayError('UPSTREAM_STREAM_TRUNCATED', message, { fallback: true }))
  }

  #take(reply: JsonFields): void {
    const { error, content, model, stop } = reply
    if (error !== undefined && error !== null) {
      this.#sink.failWith(readError(reply) ?? {})
      return
    }
    if (typeof content !== 'string') {
      this.#sink.fail(malformed())
      return
    }
    this.#sink.identify(undefined, model)
    this.#sink.text(content)
    if (stop === true) this.#finish(reply)
  }

  #finish(reply: JsonFields): void {
    const usage = usageFrom({
      input: reply['tokens_evaluated'],
      output: reply['tokens_predicted'],
      cachedInput: fieldsOf(reply['timings'])['cache_n'],
    })
    if (usage) this.#sink.usage(usage)
    const raw = textOf(reply['stop_type']) || olderStopType(reply)
    const ending = endingOf(raw)
    if (ending) this.#sink.stop(ending.reason, raw, ending.modelFailed)
    this.#sink.done()
  }
}

/** Servers from before 2024-12 have a flag for each reason. */
function olderStopType(reply: JsonFields): string {
  if (reply['stopped_limit'] === true) return 'limit'
  if (reply['stopped_word'] === true) return 'word'
  return reply['stopped_eos'] === true ? 'eos' : ''
}

function malformed(): GatewayError {
  const message = 'The upstream sent a reply that is not a JSON object with content.'
  return new GatewayError('UPSTREAM_MALFORMED', message, { fallback: true })
}
