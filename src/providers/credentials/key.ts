import type { GatewayError } from '../../domain/errors/error.ts'
import type { KeyUse } from '../../domain/ports/keys.ts'
import { Rests } from './rests.ts'
import { Suspicions } from './suspicions.ts'

/** When a quarantined key is first probed, in ms, and the longest time between two probes. */
const FIRST_PROBE = 30_000
const MAX_PROBE = 600_000
/** Time in ms after which a failure counts half. */
const HALF_LIFE = 30_000
/** What the last attempt adds to the recent share of failures. */
const LAST_COUNTS = 0.1

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
  /** Its quarantine has ended without proof: one call at a time may try it. */
  onTrial = false
  readonly rests = new Rests()
  readonly suspicions = new Suspicions()
  /** Until an attempt has succeeded, the next quarantine is as long as the last would have become. */
  #probeDelay = FIRST_PROBE
  /** The share of failures among the recent attempts, as it was at `#failingAt`. */
  #failing = 0
  #failingAt = 0

  constructor(id: string) {
    this.id = id
  }

  /** When it can be used: 0 when it can now. */
  freeAt(use: KeyUse, now: number): number {
    if (this.quarantine) return Number.POSITIVE_INFINITY
    if (this.rests.isEmpty && this.suspicions.isEmpty) return 0
    return Math.max(this.rests.freeAt(use, now), this.suspicions.freeAt(use, now))
  }

  /** Why it cannot be used. */
  trouble(use: KeyUse): GatewayError | undefined {
    return this.quarantine?.error ?? this.rests.error(use) ?? this.suspicions.error(use)
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

  /** An attempt has succeeded. */
  proved(use: KeyUse, now: number): void {
    if (!this.suspicions.isEmpty) this.suspicions.clear(use)
    if (this.quarantine) return
    this.#probeDelay = FIRST_PROBE
    if (!this.rests.isEmpty) this.rests.clear(use, now)
  }

  /** Time until the next probe of a quarantined key; doubled each time. */
  nextProbeDelay(): number {
    const delay = this.#probeDelay
    this.#probeDelay = Math.min(2 * delay, MAX_PROBE)
    return delay
  }
}
