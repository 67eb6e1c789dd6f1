import type { BudgetRule } from '../../domain/budgets/budget-rule.ts'
import type { BudgetStatus, Budgets } from '../../domain/ports/money/budgets.ts'
import { instruments } from './instruments.ts'
import type { Metrics } from './metrics.ts'

const NANO = 1e9

/**
 * Shows each budget when metrics are scraped. Of a budget with many subjects the fullest one is shown: callers choose
 * the names of users and labels.
 */
export function observeBudgets(metrics: Metrics, rules: readonly BudgetRule[], budgets: Pick<Budgets, 'list'>): void {
  for (const rule of rules) {
    const labels = { budget: rule.name, scope: rule.scope }
    const show = (read: (status: BudgetStatus) => number, otherwise: number) => () => {
      const fullest = fullestOf(budgets.list(), rule)
      return fullest ? read(fullest) : otherwise
    }
    metrics.observe(
      instruments.budgetSpent,
      labels,
      show(({ spent }) => spent / NANO, 0),
    )
    metrics.observe(
      instruments.budgetReserved,
      labels,
      show(({ reserved }) => reserved / NANO, 0),
    )
    metrics.observe(
      instruments.budgetLimit,
      labels,
      show(({ limit }) => limit / NANO, rule.limit / NANO),
    )
    metrics.observe(
      instruments.budgetReset,
      labels,
      show(({ resetsAt = 0 }) => resetsAt / 1000, 0),
    )
  }
}

function fullestOf(statuses: readonly BudgetStatus[], { name }: BudgetRule): BudgetStatus | undefined {
  let fullest: BudgetStatus | undefined
  for (const status of statuses) {
    if (status.budget === name && (!fullest || shareOf(status) > shareOf(fullest))) fullest = status
  }
  return fullest
}

function shareOf({ spent, reserved, limit }: BudgetStatus): number {
  return (spent + reserved) / Math.max(1, limit)
}
