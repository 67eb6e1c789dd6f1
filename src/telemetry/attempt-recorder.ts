import type { Span } from '@opentelemetry/api'
import type { Operation } from '../domain/call.ts'
import type { AttemptRecord } from '../domain/call-record.ts'
import type { Clock } from '../domain/clock.ts'
import type { GatewayError } from '../domain/error.ts'
import type { AnyEvent } from '../domain/events.ts'
import { nanoDollars } from '../domain/money.ts'
import type { AttemptTelemetry } from '../domain/ports/telemetry.ts'
import { isReason, originOf } from '../domain/reasons.ts'
import { AttemptOutcome } from '../domain/types.ts'
import { outcomeNames } from './names.ts'
import { endAttemptSpan, type Finish } from './tracing/spans.ts'
import { other, type TargetSeries, type TargetSeriesTable } from './upstreams.ts'

/** The call that an attempt belongs to. */
export interface AttemptParent {
  readonly operation: Operation
  readonly streamed: boolean
  /** A response has no cost, because its model has no price. */
  priceMissing(series: TargetSeries): void
  /** How long the attempt kept the call waiting, in ms. */
  attemptEnded(attempt: AttemptRecord, waited: number): void
}

/** Counts one attempt, to its ending. */
export class AttemptRecorder implements AttemptTelemetry {
  readonly traceparent: string | undefined
  readonly #clock: Clock
  readonly #upstreams: TargetSeriesTable
  readonly #parent: AttemptParent
  readonly #attempt: AttemptRecord
  readonly #span: Span | undefined
  #firstEventAt: number | undefined
  #finish: Finish | undefined

  constructor(
    clock: Clock,
    upstreams: TargetSeriesTable,
    parent: AttemptParent,
    attempt: AttemptRecord,
    span: Span | undefined,
    traceparent: string | undefined,
  ) {
    this.#clock = clock
    this.#upstreams = upstreams
    this.#parent = parent
    this.#attempt = attempt
    this.#span = span
    this.traceparent = traceparent
  }

  event({ event }: AnyEvent): void {
    if (event.case === 'finish') this.#finish = event.value
    else if (this.#isStreamed && this.#firstEventAt === undefined && event.case !== 'start') {
      this.#firstEventAt = this.#clock.now()
    }
  }

  end(error?: GatewayError): void {
    const attempt = this.#attempt
    const outcome = outcomeOf(attempt, error)
    const reason = outcome === AttemptOutcome.OK ? '' : reasonOf(attempt, error)
    const ended = attempt.outcome !== AttemptOutcome.UNSPECIFIED
    const latency = ended ? attempt.latency : this.#clock.now() - attempt.startedAt
    const firstEvent = this.#firstEventAt === undefined ? undefined : this.#firstEventAt - attempt.startedAt
    const upstream = this.#upstreams.find(attempt.provider, attempt.model, outcome === AttemptOutcome.OK)
    upstream.outcome(outcomeNames[outcome], reason).value++
    if (outcome !== AttemptOutcome.SKIPPED) {
      this.#count(upstream, outcome, reason, latency, firstEvent)
      this.#remember(outcome, reason, firstEvent ?? latency, error)
    }
    if (this.#span) endAttemptSpan(this.#span, attempt, this.#finish, reason)
    this.#parent.attemptEnded(attempt, firstEvent ?? latency)
  }

  /** Whether the caller sees when the answer begins. */
  get #isStreamed(): boolean {
    return this.#parent.streamed
  }

  #count(upstream: TargetSeries, outcome: AttemptOutcome, reason: string, latency: number, firstEvent?: number): void {
    const series = upstream.of(this.#parent.operation)
    const usage = this.#finish?.usage ?? this.#attempt.usage
    const succeeded = outcome === AttemptOutcome.OK
    upstream.attempts++
    series.requestDuration(reason).record(latency / 1000)
    if (outcome === AttemptOutcome.FAILED && !isCallersFault(reason)) upstream.errors++
    if (succeeded) {
      upstream.succeeded++
      upstream.succeededTime += latency
    }
    if (usage?.input !== undefined) {
      upstream.inputTokens.value += usage.input
      series.tokens.input.record(usage.input)
    }
    if (usage?.output !== undefined) {
      upstream.outputTokens.value += usage.output
      series.tokens.output.record(usage.output)
    }
    const usd = (this.#finish?.cost ?? this.#attempt.cost)?.usd
    if (usd !== undefined) upstream.cost.value += nanoDollars(usd)
    else if (this.#finish) this.#parent.priceMissing(upstream)
    if (succeeded) this.#countPace(upstream, usage?.output, latency, firstEvent)
  }

  #countPace(
    upstream: TargetSeries,
    output: number | undefined,
    latency: number,
    firstEvent: number | undefined,
  ): void {
    if (output !== undefined) {
      upstream.generatedTokens += output
      upstream.generatedTime += latency
    }
    if (firstEvent === undefined) return
    const { pace } = upstream.of(this.#parent.operation)
    pace.firstToken.record(firstEvent / 1000)
    if (output !== undefined && output > 1) pace.outputToken.record((latency - firstEvent) / 1000 / (output - 1))
  }

  /** Only what tells of the provider's health: not a caller who left or asked for what does not exist. */
  #remember(outcome: AttemptOutcome, reason: string, latency: number, error: GatewayError | undefined): void {
    const ok = outcome === AttemptOutcome.OK
    if (!ok && (outcome !== AttemptOutcome.FAILED || isCallersFault(reason) || isModelMissing(reason))) return
    const message = ok ? '' : (error?.message ?? '')
    this.#upstreams.remember(this.#attempt.provider, { ok, at: this.#clock.now(), latency, reason, message })
  }
}

/** Failures are written down before they are told here; a success may not be yet. */
function outcomeOf({ outcome }: AttemptRecord, error: GatewayError | undefined): AttemptOutcome {
  if (outcome !== AttemptOutcome.UNSPECIFIED) return outcome
  return error ? AttemptOutcome.FAILED : AttemptOutcome.OK
}

function reasonOf(attempt: AttemptRecord, error: GatewayError | undefined): string {
  return knownReason(attempt.reason || (error?.reason ?? ''))
}

/** A reason that may become a label. */
export function knownReason(reason: string): string {
  return isReason(reason) ? reason : other
}

function isCallersFault(reason: string): boolean {
  return isReason(reason) && originOf(reason) === 'caller'
}

function isModelMissing(reason: string): boolean {
  return reason === 'UPSTREAM_MODEL_MISSING' || reason === 'LOCAL_MODEL_MISSING'
}
