const BUCKETS = 10

/**
 * Counts the calls of a sliding time window, and the bad ones (failed or slow), in a fixed number of reused buckets.
 */
export class SlidingCounts {
  readonly #width: number
  readonly #calls = new Array<number>(BUCKETS).fill(0)
  readonly #bad = new Array<number>(BUCKETS).fill(0)
  /** Number of the latest time slice that was counted; slice 0 begins at time 0 of the clock. */
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

  /** Empties the buckets of slices that have left the window, and returns the index of the current bucket. */
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
