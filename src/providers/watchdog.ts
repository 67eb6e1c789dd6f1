import type { Clock } from '../domain/clock.ts'

/**
 * One timer for all the limits of an attempt. Limits move with every chunk; the timer does not: when it fires it looks
 * at the clock, and sleeps on if there is time left.
 */
export class Watchdog {
  readonly #clock: Clock
  /** When time is up, on the monotonic clock, in ms; asked anew each time. */
  readonly #limit: () => number
  readonly #expire: () => void
  #stop: (() => void) | undefined
  #wakesAt = Number.POSITIVE_INFINITY

  constructor(clock: Clock, limit: () => number, expire: () => void) {
    this.#clock = clock
    this.#limit = limit
    this.#expire = expire
    this.recheck()
  }

  /** To be called when the limit may have become earlier. */
  recheck(): void {
    const limit = this.#limit()
    if (limit >= this.#wakesAt) return
    this.#stop?.()
    this.#wakesAt = limit
    this.#stop = this.#clock.after(Math.max(0, limit - this.#clock.now()), () => this.#wake())
  }

  stop(): void {
    this.#stop?.()
    this.#stop = undefined
    this.#wakesAt = Number.NEGATIVE_INFINITY
  }

  #wake(): void {
    this.#stop = undefined
    this.#wakesAt = Number.POSITIVE_INFINITY
    // A timer may fire a fraction of a millisecond early.
    if (this.#limit() - this.#clock.now() < 1) this.#expire()
    else this.recheck()
  }
}
