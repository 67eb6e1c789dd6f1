/** What can be held by somebody. */
export interface Held {
  /** An API key, a subject, or the address of a client without a credential. */
  readonly holder: string
}

/** A bounded set in which nobody can keep others out: when it is full, the holder of most loses its oldest member. */
export class Shares<T extends Held> {
  readonly #max: number
  /** In the order in which they came. */
  readonly #members = new Set<T>()

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#members.size
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.#members.values()
  }

  /** Returns the member that had to give way, which is no member any more. */
  add(member: T): T | undefined {
    this.#members.add(member)
    if (this.#members.size <= this.#max) return undefined
    const evicted = this.#oldestOfLargest()
    if (evicted) this.#members.delete(evicted)
    return evicted
  }

  delete(member: T): void {
    this.#members.delete(member)
  }

  #oldestOfLargest(): T | undefined {
    const counts = new Map<string, number>()
    for (const { holder } of this.#members) counts.set(holder, (counts.get(holder) ?? 0) + 1)
    const largest = Math.max(...counts.values())
    for (const member of this.#members) if (counts.get(member.holder) === largest) return member
    return undefined
  }
}
