/** A call that has arrived whole. */
export interface Arrived {
  /** Spends something on it. Never throws. */
  begin(): void
}

/**
 * Lets calls begin when the loop has gone round once: a call that is reset as it arrives is known to be by then, and
 * nothing was spent on it. All calls of one turn share one immediate, which makes it cheap.
 */
export class NextTurn {
  #waiting: Arrived[] = []

  add(call: Arrived): void {
    if (this.#waiting.push(call) === 1) setImmediate(this.#begin)
  }

  readonly #begin = (): void => {
    const calls = this.#waiting
    this.#waiting = []
    for (const call of calls) call.begin()
  }
}
