import { type Span, type SpanContext, TraceFlags, type Tracer } from '@opentelemetry/api'
import type { Call } from '../domain/calls/call.ts'
import type { AttemptRecord } from '../domain/calls/call-record.ts'
import { type EndingCall, type Finish, summarize } from '../domain/calls/call-summary.ts'
import type { Clock } from '../domain/clock.ts'
import type { GatewayError } from '../domain/errors/error.ts'
import type { CallObserver } from '../domain/ports/operations/call-observer.ts'
import type { OperatorEvents } from '../domain/ports/operations/operator-events.ts'
import type { AttemptTelemetry, CallTelemetry } from '../domain/ports/operations/telemetry.ts'
import type { AnyEvent } from '../domain/streams/events.ts'
import { AttemptOutcome } from '../domain/types.ts'
import { type AttemptParent, AttemptRecorder, knownReason } from './attempt-recorder.ts'
import type { CallCounts } from './metrics/call-counts.ts'
import type { TargetSeries } from './metrics/target-series.ts'
import type { TargetSeriesTable } from './metrics/target-series-table.ts'
import { outcomeNames } from './names.ts'
import { endCallSpan, type Server, startAttemptSpan, startCallSpan } from './tracing/spans.ts'
import { formatTraceparent, parseTraceparent } from './tracing/traceparent.ts'

/** Parts that all recorders of one gateway share. */
export interface RecorderParts {
  readonly clock: Clock
  readonly events: Pick<OperatorEvents, 'priceMissing'>
  readonly table: TargetSeriesTable
  readonly counts: CallCounts
  /** Receive the summary of each call, in this order. */
  readonly observers: readonly CallObserver[]
  /** Undefined when nothing is traced. */
  readonly tracer: Tracer | undefined
  /** Addresses of the providers, by name. */
  readonly servers: ReadonlyMap<string, Server>
  /** Whether vendors receive the trace context. */
  readonly propagates: boolean
  /** Whether a call is traced; `remote` is the caller's trace. */
  samples(remote: SpanContext | undefined): boolean
}

/** Records one call until it ends. */
export class CallRecorder implements CallTelemetry, AttemptParent, EndingCall {
  readonly call: Call
  finish: Finish | undefined
  firstEventAt: number | undefined
  waited = 0
  readonly #parts: RecorderParts
  /** The caller's trace. */
  readonly #remote: SpanContext | undefined
  readonly #span: Span | undefined
  readonly #recorded: AttemptRecord[] = []

  constructor(parts: RecorderParts, call: Call) {
    this.#parts = parts
    this.call = call
    parts.counts.begin(call.operation)
    const header = call.context.header('traceparent')
    this.#remote = header === undefined ? undefined : parseTraceparent(header)
    this.#span =
      parts.tracer && parts.samples(this.#remote) ? startCallSpan(parts.tracer, call, this.#remote) : undefined
  }

  get traceId(): string | undefined {
    return (this.#span?.spanContext() ?? this.#remote)?.traceId
  }

  attempt(attempt: AttemptRecord): AttemptTelemetry {
    const { clock, table, tracer, servers } = this.#parts
    let span: Span | undefined
    if (tracer && this.#span) {
      span = startAttemptSpan(tracer, this.call, attempt, servers.get(attempt.provider), this.#span)
    }
    const traceparent = this.#traceparent(span)
    return new AttemptRecorder(clock, table, this, attempt, span, traceparent)
  }

  /** The trace context for the vendor; undefined where it receives none. */
  #traceparent(span: Span | undefined): string | undefined {
    if (!this.#parts.propagates) return undefined
    if (span) return formatTraceparent(span.spanContext())
    return this.#remote && formatTraceparent({ ...this.#remote, traceFlags: TraceFlags.NONE })
  }

  retried(): void {
    this.#parts.counts.retries.value++
  }

  queued(ms: number): void {
    this.waited += ms
  }

  priceMissing(series: TargetSeries): void {
    if (series.priceMissing.value++ > 0) return
    this.#parts.events.priceMissing(series.provider, series.model)
  }

  attemptEnded(attempt: AttemptRecord, waited: number): void {
    this.#recorded.push(attempt)
    this.waited += waited
  }

  event({ event }: AnyEvent): void {
    if (event.case === 'finish') this.finish = event.value
    else if (this.call.streamed && this.firstEventAt === undefined && event.case !== 'start') {
      this.firstEventAt = this.#parts.clock.now()
    }
  }

  end(error?: GatewayError): void {
    const { clock, servers, observers } = this.#parts
    this.#countSkipped()
    const summary = summarize(this, clock.now(), error)
    if (this.#span) {
      const last = summary.attempts.at(-1)
      endCallSpan(this.#span, last, last && servers.get(last.provider), this.finish, error)
    }
    for (const observer of observers) observer.callEnded(summary)
  }

  /** Targets that were passed over before an attempt was recorded. */
  #countSkipped(): void {
    for (const attempt of this.call.context.record.attempts) {
      if (attempt.outcome !== AttemptOutcome.SKIPPED || this.#recorded.includes(attempt)) continue
      const series = this.#parts.table.find(attempt.provider, attempt.model, false)
      series.outcome(outcomeNames[attempt.outcome], knownReason(attempt.reason)).value++
    }
  }
}
