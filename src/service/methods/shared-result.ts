import type { Clock } from '../../domain/clock.ts'

/** The result of a question that concurrent callers ask once together, kept for a while. */
export class SharedResult<T> {
  readonly #clock: Clock
  readonly #ask: () => Promise<T>
  readonly #keep: { readonly answer: number; readonly failure: number }
  #answer: Promise<T> | undefined
  #until = 0

  /** `ask` must settle in bounded time. `keep`: how long an answer or a failure is kept after that, in ms. */
  constructor(clock: Clock, ask: () => Promise<T>, keep: { readonly answer: number; readonly failure: number }) {
    this.#clock = clock
    this.#ask = ask
    this.#keep = keep
  }

  /** Rejects with the error of `ask`. */
  get(): Promise<T> {
    if (!this.#answer || this.#clock.now() >= this.#until) this.#answer = this.#askAgain()
    return this.#answer
  }

  /** The next caller asks again. */
  forget(): void {
    this.#answer = undefined
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
