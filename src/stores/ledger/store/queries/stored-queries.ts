import type { Clock } from '../../../../domain/clock.ts'
import type {
  CostGrouping,
  CostSummary,
  LedgerQueries,
  UsagePage,
  UsageSelection,
} from '../../../../domain/ports/money/ledger-queries.ts'
import type { SqlDatabase } from '../sql/sql.ts'
import { listRecords } from './list-records.ts'
import { summarize } from './summarize.ts'

export interface StoredQueriesOptions {
  readonly clock: Clock
  /** IANA zone of the days of the roll-ups. */
  readonly timeZone: string
  /** How long records are kept, in ms. */
  readonly keep: number
}

/** Answers questions from a database. */
export class StoredQueries implements LedgerQueries {
  readonly #database: SqlDatabase
  readonly #options: StoredQueriesOptions

  constructor(database: SqlDatabase, options: StoredQueriesOptions) {
    this.#database = database
    this.#options = options
  }

  async summarize(selection: UsageSelection, grouping: CostGrouping): Promise<CostSummary> {
    const { clock, timeZone, keep } = this.#options
    const now = clock.wall()
    const kept = { now, oldestRecord: now - keep, timeZone }
    return await summarize(selection, grouping, { database: this.#database, clock, kept })
  }

  async list(selection: UsageSelection, pageSize: number, pageToken: string): Promise<UsagePage> {
    return await listRecords(this.#database, this.#options.clock, selection, { pageSize, pageToken })
  }
}
