/** Buckets per doubling: a size is known to 9 %. */
const PER_DOUBLING = 8
const BUCKETS = 20 * PER_DOUBLING
/** Samples after which older ones count half. */
const HALVE_AT = 256
/** Samples before anything is learned. */
const MIN_SAMPLES = 20

/** How many tokens responses of one kind have. Recent ones count more. */
export class OutputSizes {
  readonly #counts = new Uint16Array(BUCKETS)
  #total = 0

  add(tokens: number): void {
    const bucket = Math.min(BUCKETS - 1, Math.ceil(Math.log2(Math.max(1, tokens)) * PER_DOUBLING))
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#total++
    if (this.#total < HALVE_AT) return
    this.#total = 0
    for (let at = 0; at < BUCKETS; at++) {
      const half = (this.#counts[at] ?? 0) >> 1
      this.#counts[at] = half
      this.#total += half
    }
  }

  /** The size that a part of the responses do not exceed, such as 0.95 of them; undefined before 20 samples. */
  quantile(part: number): number | undefined {
    if (this.#total < MIN_SAMPLES) return undefined
    let below = 0
    for (let at = 0; at < BUCKETS; at++) {
      below += this.#counts[at] ?? 0
      if (below >= this.#total * part) return Math.ceil(2 ** (at / PER_DOUBLING))
    }
    return undefined
  }
}
