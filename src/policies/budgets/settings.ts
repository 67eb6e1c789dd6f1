import type { BudgetRule } from '../../domain/budgets/budget-rule.ts'

/** Settings of the budgets. */
export interface BudgetSettings {
  readonly rules: readonly BudgetRule[]
  /** What happens while Redis is unavailable: each gateway spends a small part of each budget, or calls are refused. */
  readonly onRedisTrouble: 'lease' | 'refuse'
}

export const defaultBudgetSettings = { onRedisTrouble: 'lease' } as const
