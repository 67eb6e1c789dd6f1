import type { Config } from '../config/config.ts'
import type { Clock } from '../domain/clock.ts'
import type { BudgetBoard } from '../domain/ports/budgets.ts'
import type { BudgetBook } from '../domain/ports/ledger-books.ts'
import type { OperatorEvents } from '../domain/ports/operator-events.ts'
import { createBudgetBoard } from '../policies/budgets/budget-board.ts'
import { BudgetIndex } from '../policies/budgets/budget-index.ts'
import type { BudgetParts } from '../policies/budgets/budget-parts.ts'
import { BudgetReporter } from '../policies/budgets/budget-reporter.ts'
import { MemoryBudgets } from '../stores/budgets/memory-budgets.ts'
import { restoreBudgets } from '../stores/budgets/restore-budgets.ts'
import type { Log } from '../telemetry/log/log.ts'

export interface BudgetTools {
  readonly clock: Clock
  readonly events: OperatorEvents
  readonly log: Log
  /** What earlier processes spent; undefined where the ledger ends with the process. */
  readonly book: BudgetBook | undefined
}

/** The budgets that are configured. */
export interface ConfiguredBudgets extends BudgetParts {
  readonly board: BudgetBoard
  /** Ends what it does by itself. */
  close(): void
}

/** The budgets that are configured, with what the ledger says that they have spent; undefined when there are none. */
export async function createBudgets(config: Config, tools: BudgetTools): Promise<ConfiguredBudgets | undefined> {
  if (!config.budgets) return undefined
  const { rules } = config.budgets
  const { clock, events, log, book } = tools
  const reporter = new BudgetReporter(events, config.alerts.thresholds)
  const index = new BudgetIndex(rules)
  const budgets = new MemoryBudgets(rules, clock, (sum) => reporter.settled(sum))
  const report = (error: unknown) =>
    log.failure('the ledger does not say what budgets have spent: calls wait', error, {})
  const close = book ? await restoreBudgets(budgets, book, { clock, report }) : () => {}
  return { index, budgets, events: reporter, board: createBudgetBoard(index, budgets, book), close }
}
