import type { Clock } from '../../domain/clock.ts'

/** Asks once for all who want to know at the same time, and remembers what came of it for a while. */
export class Remembered<T> {
  readonly #clock: Clock
  readonly #ask: () => Promise<T>
  readonly #keep: { readonly answer: number; readonly failure: number }
  #answer: Promise<T> | undefined
  #until = 0

  /** `ask` must settle in bounded time. `keep` in ms, from when it has settled. */
  constructor(clock: Clock, ask: () => Promise<T>, keep: { readonly answer: number; readonly failure: number }) {
    this.#clock = clock
    this.#ask = ask
    this.#keep = keep
  }

  /** Rejects as `ask` did. */
  get(): Promise<T> {
    if (!this.#answer || this.#clock.now() >= this.#until) this.#answer = this.#askAgain()
    return this.#answer
  }

  async #askAgain(): Promise<T> {
    this.#until = Number.POSITIVE_INFINITY
    try {
      const answer = await this.#ask()
      this.#until = this.#clock.now() + this.#keep.answer
      return answer
    } catch (error) {
      this.#until = this.#clock.now() + this.#keep.failure
      throw error
    }
  }
}
