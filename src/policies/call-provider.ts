import type { AnyRequest, Call } from '../domain/calls/call.ts'
import type { AttemptRecord, CallRecord } from '../domain/calls/call-record.ts'
import type { Keyed, Observed, Routed } from '../domain/calls/facts.ts'
import type { GatewayError } from '../domain/errors/error.ts'
import { attemptOutcomeOf } from '../domain/errors/reasons.ts'
import type { Ask, Provider } from '../domain/ports/provider.ts'
import type { AttemptTelemetry } from '../domain/ports/telemetry.ts'
import type { EventStream, Watcher } from '../domain/streams/event-stream.ts'
import type { AnyEvent } from '../domain/streams/events.ts'
import { follow, type Handler } from '../domain/streams/follow.ts'

/** The end of the pipeline: one attempt at one target, recorded until it ends. `ask` picks the provider's method. */
export function callProvider<R extends AnyRequest, E extends AnyEvent>(
  ask: (provider: Provider, question: Ask<R>) => Promise<EventStream<E>>,
): Handler<Call<R> & Observed & Routed & Keyed, E> {
  return (call) => {
    const { context, target, firstEventBy, isShare, countRequest, request, streamed, wishes, fallback, warnings } = call
    const { provider, model, defaults, timeout } = target
    const attempt = context.record.begin(provider.name, model, fallback, warnings)
    if (call.key) attempt.keyId = call.key.keyId
    const telemetry = call.telemetry.attempt(attempt)
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
      timeout,
      attempt,
      traceparent: telemetry.traceparent,
    }
    return follow(() => ask(provider, question), call, new AttemptWatcher(context.record, attempt, telemetry))
  }
}

/** Records how an attempt ended before any other watcher is notified. */
class AttemptWatcher implements Watcher<AnyEvent> {
  readonly #record: CallRecord
  readonly #attempt: AttemptRecord
  readonly #telemetry: AttemptTelemetry

  constructor(record: CallRecord, attempt: AttemptRecord, telemetry: AttemptTelemetry) {
    this.#record = record
    this.#attempt = attempt
    this.#telemetry = telemetry
  }

  event(event: AnyEvent): void {
    this.#telemetry.event?.(event)
  }

  end(error?: GatewayError): void | Promise<void> {
    if (error) this.#attempt.upstream = error.facts.upstream
    if (error) this.#record.fail(this.#attempt, attemptOutcomeOf(error.reason), error.reason)
    return this.#telemetry.end(error)
  }
}
