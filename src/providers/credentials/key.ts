import type { GatewayError } from '../../domain/error.ts'

/** How long a key rests whose vendor does not say, in ms: twice as long each time, as long as no attempt succeeds. */
const FIRST_REST = 250
const MAX_REST = 60_000
/** When a quarantined key is first tried, in ms, and the longest time between two trials. */
const FIRST_PROBE = 30_000
const MAX_PROBE = 600_000
/** Callers choose the names of models: a key rests for so many at most. */
const MAX_MODELS = 1_000
/** After so long, in ms, a failure counts half. */
const HALF_LIFE = 30_000
/** What the last attempt adds to the recent share of failures. */
const LAST_COUNTS = 0.1

interface Rest {
  /** On the monotonic clock, in ms. What is over stays to be remembered until an attempt succeeds. */
  until: number
  /** How often in a row. */
  times: number
  error: GatewayError
}

export interface Quarantine {
  readonly since: number
  readonly error: GatewayError
}

/** What is known of one key. Times are on the monotonic clock, in ms. */
export class Key {
  readonly id: string
  active = 0
  requests = 0
  errors = 0
  lastUsed: number | undefined
  /** When it was last chosen, counted in choices of its pool. */
  turn = 0
  quarantine: Quarantine | undefined
  /** Until an attempt has succeeded the next quarantine is as long as the last would have become. */
  #probeDelay = FIRST_PROBE
  readonly #rests = new Map<string, Rest>()
  /** The share of failures among the recent attempts, as it was at `#failingAt`. */
  #failing = 0
  #failingAt = 0

  constructor(id: string) {
    this.id = id
  }

  /** When it can be used for this model: 0 when it can. */
  freeAt(model: string, now: number): number {
    if (this.quarantine) return Number.POSITIVE_INFINITY
    if (this.#rests.size === 0) return 0
    const rest = this.#rests.get(model)
    // A timer that waited for it may be early by a fraction.
    return rest !== undefined && rest.until - now >= 1 ? rest.until : 0
  }

  /** Why it cannot be used for this model. */
  trouble(model: string): GatewayError | undefined {
    return this.quarantine?.error ?? this.#rests.get(model)?.error
  }

  /** The share of recent attempts that succeeded, 0 to 1. */
  successRate(now: number): number {
    if (this.#failing === 0) return 1
    return 1 - this.#failing * 2 ** ((this.#failingAt - now) / HALF_LIFE)
  }

  count(failed: boolean, now: number): void {
    if (failed) this.errors++
    if (!failed && this.#failing === 0) return
    const failing = (1 - this.successRate(now)) * (1 - LAST_COUNTS) + (failed ? LAST_COUNTS : 0)
    this.#failing = failing < 0.001 ? 0 : failing
    this.#failingAt = now
  }

  /** An attempt at this model has succeeded. It may have begun before the trouble: that lasts as long as it was to. */
  proved(model: string, now: number): void {
    if (this.quarantine) return
    this.#probeDelay = FIRST_PROBE
    if (this.#rests.size > 0 && this.freeAt(model, now) === 0) this.#rests.delete(model)
  }

  /** Rests for a model. `wait` in ms, undefined where nobody knows. False when that changes nothing. */
  cool(model: string, wait: number | undefined, error: GatewayError, now: number): boolean {
    // Its vendor says to call again at once.
    if (wait !== undefined && wait < 1) return false
    const rest = this.#rests.get(model)
    const resting = rest !== undefined && rest.until > now
    const times = (rest?.times ?? 0) + 1
    // Attempts that were under way together fail together: that is one failure, not many in a row.
    const until = resting && wait === undefined ? rest.until : now + (wait ?? restAfter(times))
    if (resting && until <= rest.until) return false
    this.#rests.delete(model)
    if (this.#rests.size >= MAX_MODELS) this.#forgetOne()
    this.#rests.set(model, { until, times, error })
    return true
  }

  /** The models that it rests for. */
  *cooling(now: number): Iterable<{ model: string; until: number; error: GatewayError }> {
    for (const [model, { until, error }] of this.#rests) if (until - now >= 1) yield { model, until, error }
  }

  /** How long to wait for the next trial of a quarantined key; twice as long each time. */
  nextProbeDelay(): number {
    const delay = this.#probeDelay
    this.#probeDelay = Math.min(2 * delay, MAX_PROBE)
    return delay
  }

  /** The one that was set longest ago. */
  #forgetOne(): void {
    for (const model of this.#rests.keys()) {
      this.#rests.delete(model)
      return
    }
  }
}

function restAfter(times: number): number {
  return Math.min(FIRST_REST * 2 ** (times - 1), MAX_REST)
}
