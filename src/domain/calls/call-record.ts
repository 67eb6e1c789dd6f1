import type { Duration } from '@bufbuild/protobuf/wkt'
import type { Clock } from '../clock.ts'
import type { UpstreamFailure } from '../errors/error.ts'
import { isOutcomeUnknown, isReason } from '../errors/reasons.ts'
import type { Bill } from '../money.ts'
import { type Attempt, AttemptOutcome, type Cost, type Route, type Usage, type UsageState } from '../types.ts'

const NO_WARNINGS: readonly string[] = []

/** What an attempt is charged: one computation that the ledger, the metrics and the log share. */
export interface AttemptCharge {
  readonly state: UsageState
  /** Undefined when nothing is charged. */
  readonly usage: Usage | undefined
  /** Undefined when no price is known. */
  readonly cost: Bill | undefined
}

/** One attempt at one target, from its first step to its outcome. What concerns one attempt alone is kept here. */
export class AttemptRecord {
  readonly provider: string
  readonly model: string
  /** Whether the target is another than the first one planned. */
  readonly fallback: boolean
  readonly startedAt: number
  /** What was left out or changed for this target. */
  readonly warnings: string[]
  /** Id of the key that was used; empty when the provider needs none. */
  keyId = ''
  /** HTTP status of the reply, once there is one. */
  status: number | undefined
  /** Whether the request was written to a connection. */
  sent = false
  /** What the vendor said of its failure. */
  upstream: UpstreamFailure | undefined
  /** What the vendor has reported so far. */
  usage: Usage | undefined
  /** What it is charged, once it has ended. */
  charged: AttemptCharge | undefined
  /** What the vendor charges for an attempt that failed after part of its work was done, where it is known. */
  cost: Cost | undefined
  /** Whether a budget allowed a shorter response than the call. */
  isShortened = false
  /** Whether a meaningful event was handed on. */
  committed = false
  outcome: AttemptOutcome = AttemptOutcome.UNSPECIFIED
  reason = ''
  /** In ms, once the attempt has ended. */
  latency = 0

  constructor(provider: string, model: string, startedAt: number, fallback = false, warnings = NO_WARNINGS) {
    this.provider = provider
    this.model = model
    this.fallback = fallback
    this.startedAt = startedAt
    this.warnings = [...warnings]
  }

  /** Only the first ending counts. */
  end(outcome: AttemptOutcome, reason: string, now: number): void {
    if (this.outcome !== AttemptOutcome.UNSPECIFIED) return
    this.outcome = outcome
    this.reason = reason
    this.latency = now - this.startedAt
  }

  /** Whether the vendor has, or may have, processed the request without answering it. */
  get mayHaveRun(): boolean {
    if (!this.sent) return false
    const { outcome, reason } = this
    if (outcome === AttemptOutcome.UNSPECIFIED || outcome === AttemptOutcome.CANCELLED) return true
    return isReason(reason) && isOutcomeUnknown(reason)
  }

  toMessage(): Attempt {
    const attempt: Attempt = {
      $typeName: 'llmgateway.v1.Attempt',
      provider: this.provider,
      model: this.model,
      keyId: this.keyId,
      outcome: this.outcome,
      reason: this.reason,
      latency: duration(this.latency),
    }
    if (this.status !== undefined) attempt.status = this.status
    return attempt
  }
}

/** Trailing metadata by name, in lower case. */
export type Trailers = Readonly<Record<string, string>>

/** Trailers whose value changes with nearly every call. */
export const CHANGING_TRAILERS = ['ratelimit-remaining', 'ratelimit-reset', 'budget-remaining-usd', 'budget-reset']

/** What happened to a call so far. Errors and responses report it. */
export class CallRecord {
  readonly #clock: Clock
  /** When the call arrived, on the monotonic clock, in ms. */
  readonly arrivedAt: number
  /** In the order in which they began. Calls that share one upstream call share its attempts. */
  attempts: AttemptRecord[] = []
  /** Whether the caller receives events as they are produced. */
  streamed = false
  /** Records of calls that were made for this one, such as for a summary: it is charged for them, too. */
  sideCalls: CallRecord[] = []
  /** Whether the attempts are charged to this call, not to another one that it shares them with. */
  pays = true
  /** What is charged to this call of attempts that began for another one. */
  takenOver: AttemptCharge | undefined
  /** Whether it is answered with the result of an earlier call that had its idempotency key. */
  replayed = false
  /** How many attempts repeated a target that had just failed. */
  retries = 0
  /** Metadata that the caller receives beside its response or its error. */
  trailers: Trailers | undefined
  /** Name of the caller; empty while it is not known. */
  caller = ''
  /** Its id; empty where nobody is asked who calls, too. */
  callerId = ''

  constructor(clock: Clock, arrivedAt = clock.now()) {
    this.#clock = clock
    this.arrivedAt = arrivedAt
  }

  identify({ id, name, anonymous = false }: { id: string; name: string; anonymous?: boolean }): void {
    this.caller = name
    this.callerId = anonymous ? '' : id
  }

  /** The record of a call made on behalf of this one: attempts and retries of its own. */
  child(): CallRecord {
    const child = new CallRecord(this.#clock, this.arrivedAt)
    child.streamed = this.streamed
    child.caller = this.caller
    child.callerId = this.callerId
    return child
  }

  /** Makes the attempts of another call, past and future ones, those of this one. */
  shareAttempts({ attempts, sideCalls }: CallRecord): void {
    this.attempts = attempts
    this.sideCalls = sideCalls
  }

  /** Leaves the attempts to the call that they are shared with. */
  leaveAttempts(): void {
    this.attempts = []
    this.sideCalls = []
  }

  begin(provider: string, model: string, fallback?: boolean, warnings?: readonly string[]): AttemptRecord {
    const attempt = new AttemptRecord(provider, model, this.#clock.now(), fallback, warnings)
    this.attempts.push(attempt)
    return attempt
  }

  /** To be called before the route is built, so that the route lists the attempt that succeeded. */
  succeed(attempt: AttemptRecord): void {
    attempt.end(AttemptOutcome.OK, '', this.#clock.now())
  }

  fail(attempt: AttemptRecord, outcome: AttemptOutcome, reason: string): void {
    attempt.end(outcome, reason, this.#clock.now())
  }

  /** Time since the call arrived, in ms. */
  elapsed(): number {
    return this.#clock.now() - this.arrivedAt
  }

  /** Whether a target other than the first one planned was tried. */
  get fallbackUsed(): boolean {
    return this.attempts.some(({ fallback }) => fallback)
  }

  /** Whether the caller has received part of a response, of the attempts from index `since` on. */
  committed(since = 0): boolean {
    if (!this.streamed) return false
    for (let at = since; at < this.attempts.length; at++) if (this.attempts[at]?.committed) return true
    return false
  }

  /** Whether a vendor may have processed the request without answering it, of the attempts from index `since` on. */
  mayHaveRun(since = 0): boolean {
    return this.pays && this.attempts.slice(since).some((attempt) => attempt.mayHaveRun)
  }

  /** Usage of the last attempt that reported any, from index `since` on. */
  usage(since = 0): Usage | undefined {
    for (let at = this.attempts.length - 1; at >= since; at--) {
      const usage = this.attempts[at]?.usage
      if (usage) return usage
    }
    return undefined
  }

  /** Every attempt that is charged to the call. */
  chargedAttempts(): readonly AttemptRecord[] {
    const { attempts, sideCalls } = this
    return sideCalls.length === 0 ? attempts : [...sideCalls.flatMap((record) => record.attempts), ...attempts]
  }

  /** The attempts that have ended, in order. */
  endedAttempts(): Attempt[] {
    const ended: Attempt[] = []
    for (const attempt of this.attempts) {
      if (attempt.outcome !== AttemptOutcome.UNSPECIFIED) ended.push(attempt.toMessage())
    }
    return ended
  }

  /** The route as known now, with `attempt` as the one that answers. */
  route(attempt: AttemptRecord, upstreamId: string, responseModel: string): Route {
    const now = this.#clock.now()
    return {
      $typeName: 'llmgateway.v1.Route',
      provider: attempt.provider,
      model: attempt.model,
      responseModel,
      upstreamId,
      cached: false,
      cacheId: '',
      fallbackUsed: attempt.fallback,
      attempts: this.endedAttempts(),
      warnings: attempt.warnings,
      latency: duration(now - this.arrivedAt),
      upstreamLatency: duration(attempt.latency || now - attempt.startedAt),
      keyId: attempt.keyId,
    }
  }
}

/** A duration of `ms` milliseconds, at least 0. */
export function duration(ms: number): Duration {
  const whole = Math.floor(Math.max(0, ms) / 1000)
  return {
    $typeName: 'google.protobuf.Duration',
    seconds: BigInt(whole),
    nanos: Math.round((Math.max(0, ms) - whole * 1000) * 1e6),
  }
}
