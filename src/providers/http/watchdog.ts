import type { Clock } from '../../domain/clock.ts'

/** What must not take longer than it may. */
export interface Watched {
  /** When time is up, on the monotonic clock, in ms; asked anew each time. */
  limit(): number
  /** Time is up. */
  expire(): void
}

/**
 * One timer for all the limits of an attempt. Limits move with every chunk; the timer does not: when it fires it looks
 * at the clock, and sleeps on if there is time left.
 */
export class Watchdog {
  readonly #clock: Clock
  readonly #watched: Watched
  #stop: (() => void) | undefined
  #wakesAt = Number.POSITIVE_INFINITY

  constructor(clock: Clock, watched: Watched) {
    this.#clock = clock
    this.#watched = watched
    this.recheck()
  }

  /** To be called when the limit may have become earlier. */
  recheck(): void {
    const limit = this.#watched.limit()
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
    if (this.#watched.limit() - this.#clock.now() < 1) this.#watched.expire()
    else this.recheck()
  }
}
