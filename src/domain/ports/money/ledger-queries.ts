import type { CostGroup, UsageState } from '../../types.ts'
import type { Charge } from './ledger.ts'

/** Selects records. What is undefined or empty matches everything. */
export interface UsageSelection {
  /** Wall time in ms, inclusive; undefined is the oldest record. */
  readonly start: number | undefined
  /** Wall time in ms, exclusive. */
  readonly end: number
  readonly provider: string
  readonly model: string
  readonly alias: string
  readonly caller: string
  /** Only records of this caller, whatever else is selected; undefined for admins. */
  readonly onlyCaller: string | undefined
  readonly userId: string
  readonly sessionId: string
  readonly operation: string
  readonly labels: Readonly<Record<string, string>>
  readonly states: readonly UsageState[]
  readonly failed: boolean
  readonly finalOnly: boolean
}

/** How costs are summed. */
export interface CostGrouping {
  readonly groups: readonly CostGroup[]
  /** Label of the group LABEL. */
  readonly labelKey: string
  /** IANA zone of days. */
  readonly timeZone: string
}

/** Sums over records. Money in nano-dollars. */
export interface CostSums {
  readonly keys: readonly string[]
  readonly calls: number
  readonly errors: number
  readonly cachedCalls: number
  readonly unpricedCalls: number
  readonly input: bigint
  readonly output: bigint
  readonly cachedInput: bigint
  readonly cacheWrite: bigint
  readonly reasoning: bigint
  readonly cost: bigint
  readonly saved: bigint
}

export interface CostSummary {
  /** Largest cost first. */
  readonly rows: readonly CostSums[]
  readonly total: CostSums
  readonly truncated: boolean
}

/** A page of records, newest first. */
export interface UsagePage {
  readonly records: readonly Charge[]
  /** Token of the next page; undefined on the last one. */
  readonly next: string | undefined
}

/** Answers questions about what was spent. Rejects with LEDGER_UNAVAILABLE while the database cannot be used. */
export interface LedgerQueries {
  /**
   * Rejects with INVALID_REQUEST on `start` when the sums must be read from records (the groups SESSION and LABEL, HOUR
   * with USER, days of a zone other than the ledger's, and filters on what roll-ups do not keep) and the period is longer
   * than 31 days or begins before the oldest record that is kept. Stops after 5 s with `truncated`.
   */
  summarize(selection: UsageSelection, grouping: CostGrouping): Promise<CostSummary>
  /**
   * A page may have fewer records than asked for and still have a next one. Rejects with INVALID_REQUEST for a token that
   * is not of this ledger.
   */
  list(selection: UsageSelection, pageSize: number, pageToken: string): Promise<UsagePage>
}
