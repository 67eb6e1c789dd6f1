import type { Call } from '../../calls/call.ts'
import type { AttemptRecord } from '../../calls/call-record.ts'
import type { Watcher } from '../../streams/event-stream.ts'
import type { AnyEvent } from '../../streams/events.ts'

/** Records calls. */
export interface Telemetry {
  /** A call has begun. */
  begin(call: Call): CallTelemetry
}

/** Records one call until it ends. */
export interface CallTelemetry extends Watcher<AnyEvent> {
  /** An attempt has begun. */
  attempt(attempt: AttemptRecord): AttemptTelemetry
  /** A target that had just failed is asked once more. */
  retried(): void
  /** The call has waited `ms` for its turn. */
  queued(ms: number): void
}

/** Records one attempt until it ends. */
export interface AttemptTelemetry extends Watcher<AnyEvent> {
  /** W3C trace context for the upstream; undefined when the call is not traced. */
  readonly traceparent: string | undefined
}
