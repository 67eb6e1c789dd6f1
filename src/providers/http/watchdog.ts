import type { Clock } from '../../domain/clock.ts'

/** Something with a time limit. */
export interface Watched {
  /** Current deadline on the monotonic clock, in ms; read again each time. */
  limit(): number
  /** Called when the deadline has passed. */
  expire(): void
}

/** A timer that fires so much later than it was due, in ms, shows that the event loop was held up. */
const LATE = 50

/**
 * One timer for all time limits of an attempt. Deadlines move with every chunk, the timer does not: when it fires, it
 * compares the clock with the deadline, and waits again if there is time left. Where the event loop was held up, what has
 * arrived meanwhile is read before the deadline counts as missed.
 */
export class Watchdog {
  readonly #clock: Clock
  readonly #watched: Watched
  #stop: (() => void) | undefined
  #wakesAt = Number.POSITIVE_INFINITY
  /** Whether it has given a late event loop a turn, which happens once for each deadline. */
  #looksAgain = false

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
    const now = this.#clock.now()
    const isLate = now - this.#wakesAt > LATE && !this.#looksAgain
    this.#stop = undefined
    this.#wakesAt = Number.POSITIVE_INFINITY
    this.#looksAgain = false
    // A timer may fire a fraction of a millisecond early.
    if (this.#watched.limit() - now >= 1) this.recheck()
    else if (isLate) this.#lookAgain(now)
    else this.#watched.expire()
  }

  #lookAgain(now: number): void {
    this.#looksAgain = true
    this.#wakesAt = now
    this.#stop = this.#clock.after(1, () => this.#wake())
  }
}
