import type { AnyRequest, Call } from '../domain/calls/call.ts'
import type { AttemptCharge, AttemptRecord } from '../domain/calls/call-record.ts'
import type { Keyed, Observed, Reserved, Routed } from '../domain/calls/facts.ts'
import { operations } from '../domain/calls/operations.ts'
import type { GatewayError } from '../domain/errors/error.ts'
import { attemptOutcomeOf } from '../domain/errors/reasons.ts'
import type { ModelPrice } from '../domain/money.ts'
import type { AttemptTelemetry } from '../domain/ports/operations/telemetry.ts'
import type { Ask, Provider } from '../domain/ports/provider.ts'
import type { EventStream, Watcher } from '../domain/streams/event-stream.ts'
import { type AnyEvent, type EmbedFinish, finishOf } from '../domain/streams/events.ts'
import { follow, type Handler } from '../domain/streams/follow.ts'
import { chargeOfFailure, chargeOfResponse } from './billing/attempt-charge.ts'
import { RequestCharges } from './billing/request-charges.ts'

/** The end of the pipeline: one attempt at one target, recorded until it ends. `ask` picks the provider's method. */
export function callProvider<R extends AnyRequest, E extends AnyEvent>(
  ask: (provider: Provider, question: Ask<R>) => Promise<EventStream<E>>,
): Handler<Call<R> & Observed & Routed & Keyed & Reserved, E> {
  return (call) => {
    const { context, target, firstEventBy, isShare, countRequest, request, streamed, wishes, fallback, warnings } = call
    const { provider, model, defaults, timeout } = target
    const attempt = context.record.begin(provider.name, model, fallback, warnings)
    if (call.key) attempt.keyId = call.key.keyId
    if (call.reservation?.shortens) attempt.isShortened = true
    const telemetry = call.telemetry.attempt(attempt)
    const watcher = new AttemptWatcher(call, attempt, telemetry)
    const question: Ask<R> = {
      request,
      model,
      defaults,
      context,
      streamed,
      strict: wishes.strict,
      firstEventBy,
      isShare,
      countRequest,
      requests: watcher.requests,
      timeout,
      attempt,
      traceparent: telemetry.traceparent,
    }
    return follow(() => ask(provider, question), call, watcher)
  }
}

/** Records how an attempt ended before any other watcher is notified. */
class AttemptWatcher implements Watcher<AnyEvent> {
  readonly #call: Call & Routed & Reserved
  readonly #attempt: AttemptRecord
  readonly #telemetry: AttemptTelemetry
  /** Price when the attempt began. */
  readonly #price: ModelPrice | undefined
  /** Charges of the requests; undefined where an attempt is one request. */
  readonly requests: RequestCharges | undefined
  #finish: EmbedFinish | undefined

  constructor(call: Call & Routed & Reserved, attempt: AttemptRecord, telemetry: AttemptTelemetry) {
    this.#call = call
    this.#attempt = attempt
    this.#telemetry = telemetry
    this.#price = call.target.provider.describe(call.target.model).price
    this.requests = operations[call.operation].mayBeSplit ? new RequestCharges(call, this.#price) : undefined
  }

  event(event: AnyEvent): void {
    this.#finish = finishOf(event) ?? this.#finish
    this.#telemetry.event?.(event)
  }

  end(error?: GatewayError): void | Promise<void> {
    const attempt = this.#attempt
    if (error) {
      attempt.upstream = error.facts.upstream
      this.#call.context.record.fail(attempt, attemptOutcomeOf(error.reason), error.reason)
    }
    attempt.charged = this.requests?.charged ?? this.#charged(error)
    return this.#telemetry.end(error)
  }
  #charged(error: GatewayError | undefined): AttemptCharge {
    // A complete response is charged as such, even if its reader did not wait for its end.
    if (!error || this.#finish) return chargeOfResponse(this.#finish ?? {})
    return chargeOfFailure(this.#call, this.#attempt, error, this.#price)
  }
}
