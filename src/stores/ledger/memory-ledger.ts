import type { Clock } from '../../domain/clock.ts'
import { invalid } from '../../domain/errors/error.ts'
import type { Charge, Ledger } from '../../domain/ports/money/ledger.ts'
import type {
  CostGrouping,
  CostSummary,
  LedgerQueries,
  UsagePage,
  UsageSelection,
} from '../../domain/ports/money/ledger-queries.ts'
import { summarize } from './cost-sums.ts'
import { matches } from './matches.ts'
import { periodsOf } from './store/queries/periods.ts'

/** Records that are kept; the oldest make room for new ones. */
const MAX_RECORDS = 100_000

export interface MemoryLedgerOptions {
  readonly clock: Clock
  /** IANA zone of days. */
  readonly timeZone: string
  readonly capacity?: number
}

/** A ledger that ends with the process: the last 100,000 records, in the order in which they were settled. */
export class MemoryLedger implements Ledger, LedgerQueries {
  readonly #clock: Clock
  readonly #timeZone: string
  readonly #capacity: number
  readonly #charges: Charge[] = []
  /** Number of the first record in `#charges`. */
  #first = 0

  constructor({ clock, timeZone, capacity = MAX_RECORDS }: MemoryLedgerOptions) {
    this.#clock = clock
    this.#timeZone = timeZone
    this.#capacity = capacity
  }

  /** Nothing is kept of an attempt that has not ended. */
  begin(): void {}

  settle(charge: Charge): void {
    this.#charges.push(charge)
    // Removed in bulk: taking one at a time from the front of a long array is slow.
    if (this.#charges.length < 2 * this.#capacity) return
    this.#charges.splice(0, this.#capacity)
    this.#first += this.#capacity
  }

  /** The record that was kept shares the ending. */
  finish(): void {}

  async summarize(selection: UsageSelection, grouping: CostGrouping): Promise<CostSummary> {
    // A ledger on disk answers no other questions.
    periodsOf(selection, grouping, { timeZone: this.#timeZone, oldestRecord: 0, now: this.#clock.wall() })
    return summarize(
      this.#kept().filter((charge) => matches(charge, selection)),
      grouping,
    )
  }

  async list(selection: UsageSelection, pageSize: number, pageToken: string): Promise<UsagePage> {
    const records: Charge[] = []
    let number = pageToken === '' ? this.#first + this.#charges.length : numberOf(pageToken)
    const oldest = this.#first + this.#charges.length - this.#kept().length
    while (--number >= oldest) {
      const charge = this.#charges[number - this.#first]
      if (!charge || !matches(charge, selection)) continue
      if (records.length === pageSize) return { records, next: String(number + 1) }
      records.push(charge)
    }
    return { records, next: undefined }
  }

  #kept(): Charge[] {
    return this.#charges.slice(-this.#capacity)
  }
}

function numberOf(pageToken: string): number {
  if (/^\d{1,15}$/.test(pageToken)) return Number(pageToken)
  throw invalid('page_token', 'must be the next_page_token of the page before.')
}
