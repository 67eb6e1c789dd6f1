import type { NanoDollars } from '../../money.ts'

/** Whose spending a budget limits. */
export type BudgetScopeName = 'global' | 'provider' | 'caller' | 'user' | 'label'

export type BudgetWindowName = 'day' | 'week' | 'month' | 'total'

/** How much of a budget is spent, for one subject in one window. Times are wall times in ms. */
export interface BudgetLevel {
  /** Name of the budget in the configuration. */
  readonly budget: string
  readonly scope: BudgetScopeName
  /** The provider, the caller, `caller/user` or `label=value`; empty for a global or shared budget. */
  readonly subject: string
  readonly window: BudgetWindowName
  readonly windowStart: number
  /** End of the window; undefined when it has none. */
  readonly resetsAt: number | undefined
  readonly spent: NanoDollars
  readonly limit: NanoDollars
}

/** A budget whose spending has reached a threshold of alerts. */
export interface BudgetCrossing extends BudgetLevel {
  /** The highest threshold that was reached, as a part of the limit: 0.8 is 80 %. */
  readonly threshold: number
}
