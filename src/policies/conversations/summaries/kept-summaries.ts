import { type Held, Shares } from '../../../domain/limits/shares.ts'

/** Limits for the summaries that are kept, and for the length of one in UTF-16 code units. */
const MAX_SUMMARIES = 2_000
const MAX_LENGTH = 8_000

interface Kept extends Held {
  readonly key: string
  readonly summary: string
}

/** Keeps summaries for each caller. When there are too many, the holder of most loses the one it used longest ago. */
export class KeptSummaries {
  readonly #byKey = new Map<string, Kept>()
  readonly #shares: Shares<Kept>

  constructor(max = MAX_SUMMARIES) {
    this.#shares = new Shares(max)
  }

  get size(): number {
    return this.#byKey.size
  }

  has(holder: string, key: string): boolean {
    return this.#byKey.has(keyOf(holder, key))
  }

  get(holder: string, key: string): string | undefined {
    const kept = this.#byKey.get(keyOf(holder, key))
    if (!kept) return undefined
    this.#shares.delete(kept)
    this.#shares.add(kept)
    return kept.summary
  }

  /** A summary that is too long to be kept has to be made again. */
  set(holder: string, key: string, summary: string): void {
    if (summary.length > MAX_LENGTH) return
    const own = keyOf(holder, key)
    const known = this.#byKey.get(own)
    if (known) this.#shares.delete(known)
    const kept = { holder, key: own, summary }
    this.#byKey.set(own, kept)
    const evicted = this.#shares.add(kept)
    if (evicted) this.#byKey.delete(evicted.key)
  }
}

function keyOf(holder: string, key: string): string {
  return `${holder}\0${key}`
}
