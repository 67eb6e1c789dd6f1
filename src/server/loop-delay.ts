import type { Clock } from '../domain/clock.ts'

/** How often it is measured, in ms. */
const INTERVAL = 20
/** What one measurement counts for. */
const WEIGHT = 0.25

/**
 * How late the event loop is: what a timer that should have fired says of it. While it is late, everything that has
 * arrived waits, and what arrives will wait as long. It is smoothed: after one stop of the process, as a busy machine
 * causes, what waits can be served at once; it is the loop that stays late that cannot keep up.
 */
export class LoopDelay {
  readonly #clock: Clock
  #due: number
  #smoothed = 0
  #stopTimer: () => void

  constructor(clock: Clock) {
    this.#clock = clock
    this.#due = clock.now() + INTERVAL
    this.#stopTimer = clock.after(INTERVAL, this.#measure)
  }

  /** In ms. A measurement that is overdue counts already. */
  get current(): number {
    return Math.max(this.#smoothed, this.#with(this.#clock.now() - this.#due))
  }

  stop(): void {
    this.#stopTimer()
  }

  #with(delay: number): number {
    return this.#smoothed + WEIGHT * (Math.max(0, delay) - this.#smoothed)
  }

  readonly #measure = (): void => {
    const now = this.#clock.now()
    this.#smoothed = this.#with(now - this.#due)
    this.#due = now + INTERVAL
    this.#stopTimer = this.#clock.after(INTERVAL, this.#measure)
  }
}
