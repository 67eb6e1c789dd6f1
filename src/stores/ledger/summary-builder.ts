import type { CostSummary, CostSums } from '../../domain/ports/money/ledger-queries.ts'
import { addSums, emptySums, type Sums } from './sums.ts'

/** Most rows of a summary. */
const MAX_ROWS = 10_000

/** Most groups that are summed at once; a summary has those that cost most. */
const MAX_GROUPS = 100_000

/** Puts a summary together from sums that may have the same keys. */
export class SummaryBuilder {
  readonly #hasRows: boolean
  readonly #total = emptySums()
  readonly #rows = new Map<string, Sums & { readonly keys: readonly string[] }>()
  #truncated = false

  /** Without rows there is only the total. */
  constructor(hasRows: boolean) {
    this.#hasRows = hasRows
  }

  add(keys: readonly string[], sums: Readonly<Sums>): void {
    addSums(this.#total, sums)
    if (!this.#hasRows) return
    const id = keys.join('\0')
    const row = this.#rows.get(id)
    if (row) addSums(row, sums)
    else if (this.#rows.size >= MAX_GROUPS) this.#truncated = true
    else this.#rows.set(id, { ...sums, keys })
  }

  /** Some of what was asked for is missing. */
  truncate(): void {
    this.#truncated = true
  }

  build(): CostSummary {
    const rows: CostSums[] = [...this.#rows.values()].sort((a, b) => compare(b.cost, a.cost))
    return {
      rows: rows.slice(0, MAX_ROWS),
      total: { ...this.#total, keys: [] },
      truncated: this.#truncated || rows.length > MAX_ROWS,
    }
  }
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}
