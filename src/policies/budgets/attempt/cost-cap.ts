import type { CallRecord } from '../../../domain/calls/call-record.ts'
import type { Cancellation } from '../../../domain/cancellation.ts'
import { GatewayError } from '../../../domain/errors/error.ts'
import { costOf, type ModelPrice } from '../../../domain/money.ts'
import { EventStream, type Reader, type Source } from '../../../domain/streams/event-stream.ts'
import { type AnyEvent, finishEvent } from '../../../domain/streams/events.ts'
import { FinishReason, type Usage } from '../../../domain/types.ts'
import { StreamMeter } from './stream-meter.ts'

export interface CostCapOptions {
  readonly cancellation: Cancellation
  readonly record: CallRecord
  readonly price: ModelPrice
  /** Estimated input tokens, for vendors that report none until the end. */
  readonly input: number
  /** The most output tokens that `max_cost_usd` bears. */
  readonly maxTokens: number
}

/** A stream that ends, complete but short, where it reaches `max_cost_usd`: some vendors exceed `max_tokens`. */
export function capAtCost<E extends AnyEvent>(events: EventStream<E>, options: CostCapOptions): EventStream<E> {
  options.cancellation.throwIfCancelled()
  const source = new CappedSource(events, options)
  const capped = new EventStream<E>(options.cancellation, source)
  source.feed(capped)
  return capped
}

class CappedSource<E extends AnyEvent> implements Source, Reader<E> {
  readonly #upstream: EventStream<E>
  readonly #options: CostCapOptions
  readonly #meter: StreamMeter
  #events: EventStream<E> | undefined
  #paused = false
  #isOver = false

  constructor(upstream: EventStream<E>, options: CostCapOptions) {
    this.#upstream = upstream
    this.#options = options
    this.#meter = new StreamMeter(options.maxTokens)
  }

  feed(events: EventStream<E>): void {
    this.#events = events
    this.#upstream.read(this)
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#upstream.resume()
  }

  cancel(reason: GatewayError): void {
    this.#upstream.cancel(reason)
  }

  event(event: E): boolean {
    if (this.#isOver) return true
    this.#meter.add(event)
    this.#events?.push(event)
    if (event.event.case !== 'finish' && this.#meter.said >= this.#options.maxTokens) this.#finish()
    return !this.#paused
  }

  end(error?: GatewayError): void {
    if (!this.#isOver) this.#events?.end(error)
  }

  /** The upstream's watchers count what was used; the caller receives a whole response. */
  #finish(): void {
    this.#isOver = true
    const { record, price, input, maxTokens } = this.#options
    const attempt = record.attempts.at(-1)
    const output = Math.min(maxTokens, Math.ceil(this.#meter.said))
    const known = attempt?.usage?.input ?? input
    const usage: Usage = {
      $typeName: 'llmgateway.v1.Usage',
      input: known,
      output,
      total: known + output,
      estimated: true,
    }
    attempt?.warnings.push('the response was ended where it reached max_cost_usd')
    this.#upstream.cancel(new GatewayError('OVER_MAX_COST', 'The response reached max_cost_usd.'))
    const bill = price.bill(usage)
    const finish = finishEvent({
      finishReason: FinishReason.LENGTH,
      rawFinishReason: '',
      usage,
      cost: bill && costOf(bill, true),
      route: attempt && record.route(attempt, '', ''),
    })
    this.#events?.push(finish as E) // only streams of text are capped
    this.#events?.end()
  }
}
