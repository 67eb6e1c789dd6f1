/** Weight of the newest observation. */
const WEIGHT = 0.1
/** Bounds of an observation: nobody can teach it to be far off. */
const MIN = 0.7
const MAX = 2
/** Mean deviation of texts of which nothing is known. */
const UNKNOWN_DEVIATION = 0.15

/** How many tokens a vendor counts for each estimated one. */
export class LearnedRatio {
  #mean: number | undefined
  #deviation = UNKNOWN_DEVIATION

  add(observed: number): void {
    const seen = Math.min(MAX, Math.max(MIN, observed))
    const mean = this.#mean ?? seen
    if (this.#mean !== undefined) this.#deviation += WEIGHT * (Math.abs(seen - mean) - this.#deviation)
    this.#mean = mean + WEIGHT * (seen - mean)
  }

  get mean(): number {
    return this.#mean ?? 1
  }

  /** Rarely exceeded: two mean deviations above the mean. */
  get high(): number {
    return this.mean + 2 * this.#deviation
  }
}

const { mean, high } = new LearnedRatio()

/** The ratio of which nothing is learned yet. */
export const UNKNOWN_RATIO: Pick<LearnedRatio, 'mean' | 'high'> = { mean, high }
