import type { Target } from '../../domain/calls/facts.ts'
import type { NanoDollars } from '../../domain/money.ts'
import type { BudgetStatus, Budgets } from '../../domain/ports/money/budgets.ts'
import type { BudgetIndex } from './budget-index.ts'

/** What the policies learn about budgets that others want to know. The methods must not throw. */
export interface BudgetObserver {
  /** A budget refused a call, or cut its response. */
  refused(status: BudgetStatus): void
  /** A target was skipped because of a budget, or, without one, it was not. */
  avoided(target: Target, status: BudgetStatus | undefined): void
  /** An attempt cost more than was reserved for it. */
  overrun(target: Target, excess: NanoDollars): void
}

/** Parts that the budget policies need. */
export interface BudgetParts {
  readonly index: BudgetIndex
  readonly budgets: Budgets
  readonly events: BudgetObserver
}
