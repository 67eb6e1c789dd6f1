import type { Duration } from '@bufbuild/protobuf/wkt'
import type { Clock } from './clock.ts'
import { type Attempt, AttemptOutcome, type Route, type Usage } from './types.ts'

/** One try at one target, from its first step to its outcome. */
export class AttemptRecord {
  readonly provider: string
  readonly model: string
  /** Which key was used; empty when the provider needs none. */
  keyId = ''
  /** The HTTP status of the reply, once there is one. */
  status: number | undefined
  readonly startedAt: number
  outcome: AttemptOutcome = AttemptOutcome.UNSPECIFIED
  reason = ''
  /** In ms, once it has ended. */
  latency = 0

  constructor(provider: string, model: string, startedAt: number) {
    this.provider = provider
    this.model = model
    this.startedAt = startedAt
  }

  /** The first ending counts. */
  end(outcome: AttemptOutcome, reason: string, now: number): void {
    if (this.outcome !== AttemptOutcome.UNSPECIFIED) return
    this.outcome = outcome
    this.reason = reason
    this.latency = now - this.startedAt
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

/** By their names, in lower case. */
export type Trailers = Readonly<Record<string, string>>

/** Those that say something else in nearly every call. */
export const CHANGING_TRAILERS = ['ratelimit-remaining', 'ratelimit-reset']

/** What is known of the way that a call takes. Every error and every answer tells it. */
export class CallRecord {
  readonly #clock: Clock
  /** When the call arrived, on the monotonic clock, in ms. */
  readonly arrivedAt: number
  attempts: AttemptRecord[] = []
  /** What was left out or changed for the target that is asked now. */
  warnings: string[] = []
  /** Whether the target that is asked now is another than the first planned one. */
  fallbackUsed = false
  /** Whether part of the answer was handed out. */
  committed = false
  /** How many attempts asked a target once more that had just failed. */
  retries = 0
  /** What the vendor has reported so far. */
  usage: Usage | undefined
  /** What the caller is told beside its answer or its error. */
  trailers: Trailers | undefined
  /** How long it has waited for its turn, in ms. */
  queued = 0
  /** Who calls; empty while that is not known. */
  caller = ''

  constructor(clock: Clock) {
    this.#clock = clock
    this.arrivedAt = clock.now()
  }

  begin(provider: string, model: string): AttemptRecord {
    const attempt = new AttemptRecord(provider, model, this.#clock.now())
    this.attempts.push(attempt)
    return attempt
  }

  /** The attempt that answers succeeded: its ending is told in the route that the caller receives. */
  succeed(attempt: AttemptRecord): void {
    attempt.end(AttemptOutcome.OK, '', this.#clock.now())
  }

  fail(attempt: AttemptRecord, outcome: AttemptOutcome, reason: string): void {
    attempt.end(outcome, reason, this.#clock.now())
  }

  /** How long ago the call arrived, in ms. */
  elapsed(): number {
    return this.#clock.now() - this.arrivedAt
  }

  /** The attempts that have ended, in order. */
  endedAttempts(): Attempt[] {
    const ended: Attempt[] = []
    for (const attempt of this.attempts) {
      if (attempt.outcome !== AttemptOutcome.UNSPECIFIED) ended.push(attempt.toMessage())
    }
    return ended
  }

  /** The route as far as it is known now, with `attempt` as the one that answers. */
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
      fallbackUsed: this.fallbackUsed,
      attempts: this.endedAttempts(),
      warnings: this.warnings,
      latency: duration(now - this.arrivedAt),
      upstreamLatency: duration(attempt.latency || now - attempt.startedAt),
      keyId: attempt.keyId,
    }
  }
}

/** A duration from milliseconds, not negative. */
export function duration(ms: number): Duration {
  const whole = Math.floor(Math.max(0, ms) / 1000)
  return {
    $typeName: 'google.protobuf.Duration',
    seconds: BigInt(whole),
    nanos: Math.round((Math.max(0, ms) - whole * 1000) * 1e6),
  }
}
