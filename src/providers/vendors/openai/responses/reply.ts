import { GatewayError } from '../../../../domain/errors/error.ts'
import type { ChatDecoder, ChatSink } from '../../../define.ts'
import { fieldsOf, isObject, type JsonFields, listOf, parseJson, textOf } from '../../json.ts'
import { readError } from '../error.ts'
import { finishOf } from './finish.ts'
import { ItemReader } from './item-reader.ts'
import { readUsage } from './usage.ts'

/**
 * Reads one response, whole or as a stream of events. The last event of a stream holds the whole response, so both ways
 * end alike: what no event has passed on is taken from there.
 * https://platform.openai.com/docs/api-reference/responses/object
 * https://platform.openai.com/docs/api-reference/responses-streaming
 */
export class ResponsesDecoder implements ChatDecoder {
  readonly #sink: ChatSink
  readonly #items: ItemReader

  constructor(sink: ChatSink) {
    this.#sink = sink
    this.#items = new ItemReader(sink)
  }

  whole(body: unknown): void {
    const response = fieldsOf(body)
    if (isFailure(response) || Array.isArray(body)) this.#sink.failWith(readError(body) ?? {})
    else if (!Array.isArray(response['output']))
      this.#sink.fail(malformed('The upstream sent a response without output.'))
    else this.#finish(response)
  }

  frame(data: string, event: string): void {
    if (data === '' || this.#sink.ended) return
    if (data === '[DONE]') {
      this.end()
      return
    }
    const fields = parseJson(data)
    if (!isObject(fields)) {
      if (event === 'error') this.#sink.failWith(readError(fields ?? data) ?? {})
      else this.#sink.fail(malformed('The upstream sent a frame that is not a JSON object.'))
      return
    }
    this.#event(textOf(fields['type']) || event, fields)
  }

  /** Called only where no event has said that the response is complete. */
  end(): void {
    if (this.#sink.ended) return
    const message = 'The upstream ended its reply without saying that it was complete.'
    this.#sink.fail(new GatewayError('UPSTREAM_STREAM_TRUNCATED', message, { fallback: true }))
  }

  /** Events that only repeat what others say, or report progress, are ignored, and so are unknown ones. */
  #event(type: string, event: JsonFields): void {
    switch (type) {
      case 'response.output_text.delta':
        this.#items.text(event)
        break
      case 'response.refusal.delta':
        this.#items.refusal(event)
        break
      case 'response.reasoning_summary_text.delta':
        this.#items.thought(event, 'summary')
        break
      case 'response.reasoning_text.delta':
        this.#items.thought(event, 'content')
        break
      case 'response.function_call_arguments.delta':
      case 'response.custom_tool_call_input.delta':
        this.#items.argument(event)
        break
      case 'response.output_text.annotation.added':
        this.#items.annotation(event)
        break
      case 'response.output_item.added':
        this.#items.open(event)
        break
      case 'response.output_item.done':
        this.#items.complete(event, event['item'])
        break
      default:
        this.#lifecycle(type, event)
    }
  }

  #lifecycle(type: string, event: JsonFields): void {
    const response = fieldsOf(event['response'])
    switch (type) {
      case 'response.created':
      case 'response.in_progress':
      case 'response.queued':
        this.#sink.identify(response['id'], response['model'])
        break
      case 'response.completed':
      case 'response.incomplete':
      case 'response.done':
        this.#finish(response)
        break
      case 'response.failed':
      case 'response.cancelled':
        this.#report(response)
        this.#sink.failWith(readError(response) ?? {})
        break
      case 'error':
        this.#sink.failWith(readError(event) ?? {})
        break
      default:
        // Some proxies send their error without a type.
        if (isFailure(event)) this.#sink.failWith(readError(event) ?? {})
    }
  }

  #finish(response: JsonFields): void {
    this.#report(response)
    for (const [index, item] of listOf(response['output']).entries()) {
      this.#items.complete({ output_index: index }, item)
    }
    this.#items.flush()
    const finish = finishOf(response)
    if (isFailure(response)) this.#sink.failWith(readError(response) ?? {})
    else if (!finish) this.#sink.fail(malformed(`The upstream sent a response with the status ${status(response)}.`))
    else {
      this.#sink.stop(finish.reason, finish.raw)
      this.#sink.done()
    }
  }

  #report(response: JsonFields): void {
    this.#sink.identify(response['id'], response['model'])
    const usage = readUsage(response)
    if (usage) this.#sink.usage(usage)
  }
}

/** A response that failed, or an error in place of one. */
function isFailure({ error, status }: JsonFields): boolean {
  return (error !== undefined && error !== null && error !== '') || status === 'failed' || status === 'cancelled'
}

function status(response: JsonFields): string {
  return JSON.stringify(textOf(response['status']).slice(0, 40))
}

function malformed(message: string): GatewayError {
  return new GatewayError('UPSTREAM_MALFORMED', message, { fallback: true })
}
