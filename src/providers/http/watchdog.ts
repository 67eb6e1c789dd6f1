import type { Clock } from '../../domain/clock.ts'

/** Something with a time limit. */
export interface Watched {
  /** Current deadline on the monotonic clock, in ms; read again each time. */
  limit(): number
  /** Called when the deadline has passed. */
  expire(): void
}

/**
 * One timer for all time limits of an attempt. Deadlines move with every chunk, the timer does not: when it fires, it
 * compares the clock with the deadline, and waits again if there is time left.
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

  /** To be called when the deadline may have become earlier. */
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
