import type { Clock } from '../domain/clock.ts'

/** How often it is measured, in ms. */
const INTERVAL = 20

/**
 * How late the event loop is: what a timer that should have fired says of it. While it is late, everything that has
 * arrived waits, and what arrives will wait as long.
 */
export class LoopDelay {
  readonly #clock: Clock
  #due: number
  #last = 0
  #stopTimer: () => void

  constructor(clock: Clock) {
    this.#clock = clock
    this.#due = clock.now() + INTERVAL
    this.#stopTimer = clock.after(INTERVAL, this.#measure)
  }

  /** In ms: of the last measurement, or of the one that is overdue. */
  get current(): number {
    return Math.max(this.#last, this.#clock.now() - this.#due)
  }

  stop(): void {
    this.#stopTimer()
  }

  readonly #measure = (): void => {
    const now = this.#clock.now()
    this.#last = Math.max(0, now - this.#due)
    this.#due = now + INTERVAL
    this.#stopTimer = this.#clock.after(INTERVAL, this.#measure)
  }
}
