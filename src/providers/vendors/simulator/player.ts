import type { Clock } from '../../../domain/clock.ts'
import type { Source } from '../../../domain/streams/event-stream.ts'

/** Runs the steps of a response at their times; all in one turn if there is no time between them. */
export class Player implements Source {
  readonly #clock: Clock
  readonly #steps: number
  readonly #pace: number
  readonly #take: (step: number) => void
  #next = 0
  #running = true
  #cancelled = false
  #stopTimer: (() => void) | undefined

  constructor(clock: Clock, steps: number, pace: number, take: (step: number) => void) {
    this.#clock = clock
    this.#steps = steps
    this.#pace = pace
    this.#take = take
  }

  start(after: number): void {
    if (after > 0) this.#wait(after)
    else this.#play()
  }

  pause(): void {
    this.#running = false
  }

  resume(): void {
    if (this.#running || this.#cancelled) return
    this.#running = true
    if (!this.#stopTimer) this.#play()
  }

  cancel(): void {
    this.#cancelled = true
    this.#stopTimer?.()
  }

  #play(): void {
    while (this.#running && !this.#cancelled && this.#next <= this.#steps) {
      this.#take(this.#next++)
      if (this.#pace > 0 && this.#next <= this.#steps) {
        this.#wait(this.#pace)
        return
      }
    }
  }

  #wait(ms: number): void {
    this.#stopTimer = this.#clock.after(ms, () => {
      this.#stopTimer = undefined
      this.#play()
    })
  }
}
