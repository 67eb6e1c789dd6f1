import type { CostGroup, UsageState } from '../types.ts'
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

/** Answers questions about what was spent. */
export interface LedgerQueries {
  summarize(selection: UsageSelection, grouping: CostGrouping): Promise<CostSummary>
  /** Throws INVALID_REQUEST for a token that is not of this ledger. */
  list(selection: UsageSelection, pageSize: number, pageToken: string): Promise<UsagePage>
}
