import type { Span } from '@opentelemetry/api'
import type { Call } from '../domain/calls/call.ts'
import type { AttemptRecord } from '../domain/calls/call-record.ts'
import type { Finish } from '../domain/calls/call-summary.ts'
import type { Clock } from '../domain/clock.ts'
import { isAboutProvider } from '../domain/errors/blame.ts'
import type { GatewayError } from '../domain/errors/error.ts'
import { blameOf, isReason, originOf } from '../domain/errors/reasons.ts'
import type { AttemptTelemetry } from '../domain/ports/operations/telemetry.ts'
import type { AnyEvent } from '../domain/streams/events.ts'
import { AttemptOutcome } from '../domain/types.ts'
import type { TargetSeries } from './metrics/target-series.ts'
import type { TargetSeriesTable } from './metrics/target-series-table.ts'
import { other, outcomeNames } from './names.ts'
import { endAttemptSpan } from './tracing/spans.ts'

/** The call that an attempt belongs to. */
export interface AttemptParent {
  readonly call: Call
  /** A response has no cost, because its model has no price. */
  priceMissing(series: TargetSeries): void
  /** `waited`: how long the call waited for the attempt, in ms. */
  attemptEnded(attempt: AttemptRecord, waited: number): void
}

/** Records one attempt until it ends. */
export class AttemptRecorder implements AttemptTelemetry {
  readonly traceparent: string | undefined
  readonly #clock: Clock
  readonly #table: TargetSeriesTable
  readonly #parent: AttemptParent
  readonly #attempt: AttemptRecord
  readonly #span: Span | undefined
  #firstEventAt: number | undefined
  #finish: Finish | undefined

  constructor(
    clock: Clock,
    table: TargetSeriesTable,
    parent: AttemptParent,
    attempt: AttemptRecord,
    span: Span | undefined,
    traceparent: string | undefined,
  ) {
    this.#clock = clock
    this.#table = table
    this.#parent = parent
    this.#attempt = attempt
    this.#span = span
    this.traceparent = traceparent
  }

  event({ event }: AnyEvent): void {
    if (event.case === 'finish') this.#finish = event.value
    else if (this.#parent.call.streamed && this.#firstEventAt === undefined && event.case !== 'start') {
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
    const target = this.#table.find(attempt.provider, attempt.model, outcome === AttemptOutcome.OK)
    target.outcome(outcomeNames[outcome], reason).value++
    if (outcome !== AttemptOutcome.SKIPPED) {
      this.#count(target, outcome, reason, latency, firstEvent)
      this.#remember(outcome, reason, firstEvent ?? latency, error)
    }
    if (this.#span) endAttemptSpan(this.#span, attempt, this.#finish, reason)
    this.#parent.attemptEnded(attempt, firstEvent ?? latency)
  }

  #count(target: TargetSeries, outcome: AttemptOutcome, reason: string, latency: number, firstEvent?: number): void {
    const series = target.of(this.#parent.call.operation)
    const { usage, cost } = this.#attempt.charged ?? NOTHING_CHARGED
    const succeeded = outcome === AttemptOutcome.OK
    target.attempts++
    series.requestDuration(reason).record(latency / 1000)
    if (outcome === AttemptOutcome.FAILED && !isCallersFault(reason)) target.errors++
    if (succeeded) {
      target.succeeded++
      target.succeededTime += latency
    }
    if (usage?.input !== undefined) {
      target.inputTokens.value += usage.input
      series.tokens.input.record(usage.input)
    }
    if (usage?.output !== undefined) {
      target.outputTokens.value += usage.output
      series.tokens.output.record(usage.output)
    }
    if (cost) target.cost.value += cost.input + cost.output
    else if (this.#finish) this.#parent.priceMissing(target)
    if (succeeded) this.#countPace(target, usage?.output, latency, firstEvent)
  }

  #countPace(target: TargetSeries, output: number | undefined, latency: number, firstEvent: number | undefined): void {
    if (output !== undefined) {
      target.generatedTokens += output
      target.generatedTime += latency
    }
    if (firstEvent === undefined) return
    const { pace } = target.of(this.#parent.call.operation)
    pace.firstToken.record(firstEvent / 1000)
    if (output !== undefined && output > 1) pace.outputToken.record((latency - firstEvent) / 1000 / (output - 1))
  }

  /** Remembers attempts that show how the provider works: successes, and failures that are evidence about it. */
  #remember(outcome: AttemptOutcome, reason: string, latency: number, error: GatewayError | undefined): void {
    const ok = outcome === AttemptOutcome.OK
    if (!ok && (outcome !== AttemptOutcome.FAILED || !showsProvider(reason, error))) return
    const message = ok ? '' : (error?.message ?? '')
    this.#table.remember(this.#attempt.provider, { ok, at: this.#clock.now(), latency, reason, message })
  }
}

const NOTHING_CHARGED = { usage: undefined, cost: undefined }

/** The record of a failed attempt has its outcome by now; that of a successful one may not. */
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

/** An attempt may have ended without its error: then the reason alone says what it is evidence of. */
function showsProvider(reason: string, error: GatewayError | undefined): boolean {
  const blame = error?.blame ?? (isReason(reason) ? blameOf(reason) : 'request')
  return isAboutProvider(blame)
}
