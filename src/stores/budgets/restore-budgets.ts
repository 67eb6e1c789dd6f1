import type { Clock } from '../../domain/clock.ts'
import type { BudgetBook } from '../../domain/ports/money/ledger-books.ts'
import type { MemoryBudgets } from './memory-budgets.ts'

/** Time between two attempts to read, in ms. */
const RETRY = 1_000

export interface RestoreTools {
  readonly clock: Clock
  /** The ledger could not be read. Called once. */
  report(error: unknown): void
}

/**
 * Reads what budgets have spent. While the ledger cannot be read, budgets that refuse calls refuse all of them, and it is
 * tried again. Returns a function that ends that.
 */
export async function restoreBudgets(
  budgets: Pick<MemoryBudgets, 'block' | 'restore' | 'oldestStart'>,
  book: BudgetBook,
  { clock, report }: RestoreTools,
): Promise<() => void> {
  let stopTimer = () => {}
  let isReported = false
  const read = async () => {
    try {
      budgets.restore(await book.spentBudgets(budgets.oldestStart()))
    } catch (error) {
      if (!isReported) report(error)
      isReported = true
      stopTimer = clock.after(RETRY, () => void read())
    }
  }
  budgets.block()
  await read()
  return () => stopTimer()
}
