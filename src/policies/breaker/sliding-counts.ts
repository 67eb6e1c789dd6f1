const BUCKETS = 10

/** Counts recent calls in a few buckets of time that are reused: its size never changes. */
export class SlidingCounts {
  readonly #width: number
  readonly #calls = new Array<number>(BUCKETS).fill(0)
  readonly #bad = new Array<number>(BUCKETS).fill(0)
  /** The latest slice of time that was counted; slices are numbered from the start of the clock. */
  #latest = 0

  /** `window` in ms. */
  constructor(window: number) {
    this.#width = window / BUCKETS
  }

  addCall(now: number): void {
    const bucket = this.#bucketAt(now)
    this.#calls[bucket] = (this.#calls[bucket] as number) + 1 // bucketAt is below BUCKETS
  }

  addBad(now: number): void {
    const bucket = this.#bucketAt(now)
    this.#bad[bucket] = (this.#bad[bucket] as number) + 1 // bucketAt is below BUCKETS
  }

  sum(now: number): { readonly calls: number; readonly bad: number } {
    this.#bucketAt(now)
    return { calls: total(this.#calls), bad: total(this.#bad) }
  }

  clear(): void {
    this.#calls.fill(0)
    this.#bad.fill(0)
  }

  /** Empties the buckets whose slice of time is over. */
  #bucketAt(now: number): number {
    const slice = Math.floor(now / this.#width)
    for (let passed = Math.max(this.#latest + 1, slice - BUCKETS + 1); passed <= slice; passed++) {
      this.#calls[passed % BUCKETS] = 0
      this.#bad[passed % BUCKETS] = 0
    }
    if (slice > this.#latest) this.#latest = slice
    return this.#latest % BUCKETS
  }
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0)
}
