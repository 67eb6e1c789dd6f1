import { LRUCache } from 'lru-cache'
import type { Clock } from '../../domain/clock.ts'

/** Failures of one address in a window that are refused without a delay. */
const FREE_FAILURES = 20
/** Time after which the failures of an address are counted from 0 again, in ms. */
const WINDOW = 60_000
/** Delay that each further failure adds, and the largest delay, in ms. */
const STEP = 50
const MAX_DELAY = 1000
/** Limit for refusals that are being delayed; any beyond it are sent without a delay. */
const MAX_DELAYED = 64
/** Limit for the addresses whose failures are counted. */
const MAX_ADDRESSES = 10_000

interface Failures {
  count: number
  readonly since: number
}

/** Slows down clients that keep sending wrong credentials. A valid credential is never slowed. */
export class FailedCredentials {
  readonly #clock: Clock
  readonly #byAddress = new LRUCache<string, Failures>({ max: MAX_ADDRESSES })
  #delayed = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Counts a wrong credential and calls `refuse`, immediately or up to 1 s later. */
  add(address: string, refuse: () => void): void {
    const delay = this.#count(address)
    if (delay === 0 || this.#delayed >= MAX_DELAYED) {
      refuse()
      return
    }
    this.#delayed++
    this.#clock.after(delay, () => {
      this.#delayed--
      refuse()
    })
  }

  #count(address: string): number {
    const now = this.#clock.now()
    let failures = this.#byAddress.get(address)
    if (!failures || now - failures.since > WINDOW) {
      failures = { count: 0, since: now }
      this.#byAddress.set(address, failures)
    }
    failures.count++
    return Math.min(MAX_DELAY, Math.max(0, failures.count - FREE_FAILURES) * STEP)
  }
}
