/** Calls of one caller that may go on without a connection. */
const MAX_LOST = 16

/** Bounds how many calls of each caller go on after their connections were lost. */
export class LostCalls {
  /** By holder. */
  readonly #counts = new Map<string, number>()

  /** Returns what gives the place back, once; undefined when all places of this holder are taken. */
  enter(holder: string): (() => void) | undefined {
    const count = this.#counts.get(holder) ?? 0
    if (count >= MAX_LOST) return undefined
    this.#counts.set(holder, count + 1)
    return () => this.#leave(holder)
  }

  #leave(holder: string): void {
    const left = (this.#counts.get(holder) ?? 0) - 1
    if (left > 0) this.#counts.set(holder, left)
    else this.#counts.delete(holder)
  }
}
