import type { Config } from '../config/config.ts'
import type { Clock } from '../domain/clock.ts'
import type { OperatorEvents } from '../domain/ports/operator-events.ts'
import { BudgetIndex } from '../policies/budgets/budget-index.ts'
import type { BudgetParts } from '../policies/budgets/budget-parts.ts'
import { BudgetReporter } from '../policies/budgets/budget-reporter.ts'
import { MemoryBudgets } from '../stores/budgets/memory-budgets.ts'

/** The budgets that are configured; undefined when there are none. */
export function createBudgets(
  { budgets, alerts }: Config,
  clock: Clock,
  events: OperatorEvents,
): BudgetParts | undefined {
  if (!budgets) return undefined
  const reporter = new BudgetReporter(events, alerts.thresholds)
  return {
    index: new BudgetIndex(budgets.rules),
    budgets: new MemoryBudgets(budgets.rules, clock, (sum) => reporter.settled(sum)),
    events: reporter,
  }
}
