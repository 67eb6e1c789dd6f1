import type { BudgetKey } from '../../budgets/budget-rule.ts'
import type { NanoDollars } from '../../money.ts'
import type { BudgetLevel } from './budget-level.ts'
import type { BudgetShare } from './ledger.ts'

/** What one budget says about a subject, in its current window. */
export interface BudgetStatus extends BudgetLevel {
  readonly key: BudgetKey
  /** What open attempts hold. */
  readonly reserved: NanoDollars
  /** What operators added to the limit of this window; `limit` contains it. */
  readonly adjusted: NanoDollars
}

/** What an attempt wants to reserve. */
export interface Wanted {
  /** Unique among all attempts of all gateways. */
  readonly id: string
  readonly keys: readonly BudgetKey[]
  /** What is reserved where all budgets bear it. */
  readonly amount: NanoDollars
  /** The least that budgets with `fit` must bear, at most `amount`. Other budgets must bear `amount`. */
  readonly least: NanoDollars
}

/** A budget that does not bear an amount. */
export interface Refusal {
  readonly refusedBy: BudgetStatus
}

/** What an attempt has reserved. It ends with `settle`, exactly once. */
export interface Hold {
  readonly refusedBy?: undefined
  /** What is reserved now, in each of the budgets. */
  readonly amount: NanoDollars
  /** What the tightest budget that refuses calls could bear altogether when the hold was made; Infinity without one. */
  readonly headroom: NanoDollars
  /** That budget. */
  readonly tightest: BudgetStatus | undefined
  /**
   * Must not fail. Reserves up to `more` in addition. Returns what was reserved, 0 where a budget bears nothing more, with the budget
   * that bears least.
   */
  extend(more: NanoDollars): Extension | Promise<Extension>
  /** Replaces what is reserved by what the attempt cost. Must not fail. */
  settle(cost: NanoDollars): void
  /** What the ledger records: each budget with `nano`. */
  shares(nano: NanoDollars): readonly BudgetShare[]
  /** The budgets as they are now. */
  status(): readonly BudgetStatus[]
}

export interface Extension {
  readonly added: NanoDollars
  /** The budget that bears no more; undefined where all of it was added. */
  readonly refusedBy: BudgetStatus | undefined
}

/** The sums of all budgets. */
export interface Budgets {
  /** Throws or rejects with BUDGETS_UNAVAILABLE. */
  reserve(wanted: Wanted): Hold | Refusal | Promise<Hold | Refusal>
  /** The status of these budgets, without a reservation. */
  statusOf(keys: readonly BudgetKey[]): readonly BudgetStatus[]
  /** The same with what other gateways have spent by now, as far as it can be learned. */
  current(keys: readonly BudgetKey[]): Promise<readonly BudgetStatus[]>
  /** Learns what other gateways have spent by now of what `list` shows, as far as it can be learned. */
  refresh(): Promise<void>
  /** Adds to the limit of the current window, also in the ledger; `add` may be negative. Rejects with nothing done. */
  adjust(key: BudgetKey, add: NanoDollars): Promise<BudgetStatus>
  /** All subjects that spent or reserved anything in their current window, and all budgets with one sum. */
  list(): readonly BudgetStatus[]
}

/** What callers and operators see of budgets. */
export interface BudgetBoard {
  /** All budgets, or those of a caller and its users. */
  list(caller: string | undefined): readonly BudgetStatus[]
  /** The same with what other gateways have spent by now. */
  current(caller: string | undefined): Promise<readonly BudgetStatus[]>
  /** Throws BUDGET_NOT_FOUND. */
  checkName(name: string): void
  /** Adds to the limit of the current window. Rejects with BUDGET_NOT_FOUND, BUDGETS_UNAVAILABLE or LEDGER_UNAVAILABLE. */
  adjust(name: string, subject: string, add: NanoDollars): Promise<BudgetStatus>
}
