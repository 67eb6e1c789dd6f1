import { randomUUID } from 'node:crypto'
import type { Config } from '../config/config.ts'
import type { Clock } from '../domain/clock.ts'
import type { BudgetBoard } from '../domain/ports/money/budgets.ts'
import type { BudgetBook } from '../domain/ports/money/ledger-books.ts'
import type { ComponentState } from '../domain/ports/operations/components.ts'
import type { OperatorEvents } from '../domain/ports/operations/operator-events.ts'
import type { SharedStore } from '../domain/ports/shared-store.ts'
import { createBudgetBoard } from '../policies/budgets/budget-board.ts'
import { BudgetIndex } from '../policies/budgets/budget-index.ts'
import type { BudgetParts } from '../policies/budgets/budget-parts.ts'
import { BudgetReporter } from '../policies/budgets/budget-reporter.ts'
import type { BudgetSettings } from '../policies/budgets/settings.ts'
import { MemoryBudgets } from '../stores/budgets/memory-budgets.ts'
import { RedisBudgets } from '../stores/budgets/redis-budgets.ts'
import { restoreBudgets } from '../stores/budgets/restore-budgets.ts'
import { ledgerId } from '../stores/ledger/ledger-id.ts'
import type { Log } from '../telemetry/log/log.ts'

export interface BudgetTools {
  readonly clock: Clock
  readonly events: OperatorEvents
  readonly log: Log
  /** What earlier processes spent; undefined where the ledger ends with the process. */
  readonly book: BudgetBook | undefined
  /** Where gateways count together; undefined for one gateway. */
  readonly redis: SharedStore | undefined
}

/** The budgets that are configured. */
export interface ConfiguredBudgets extends BudgetParts {
  readonly board: BudgetBoard
  state(): ComponentState
  /** Ends what it does by itself. */
  close(): void
}

/** The budgets that are configured, with what the ledger says that they have spent; undefined when there are none. */
export async function createBudgets(config: Config, tools: BudgetTools): Promise<ConfiguredBudgets | undefined> {
  if (!config.budgets) return undefined
  const { rules } = config.budgets
  const { clock, events, log, book, redis } = tools
  const reporter = new BudgetReporter(events, config.alerts.thresholds)
  const index = new BudgetIndex(rules)
  const local = new MemoryBudgets(rules, clock, (sum) => reporter.settled(sum), book)
  const report = (error: unknown) =>
    log.failure('the ledger does not say what budgets have spent: calls wait', error, {})
  const stopReading = book ? await restoreBudgets(local, book, { clock, report }) : () => {}
  const shared = redis && sharedBudgets(local, redis, config, { clock, book })
  await shared?.start()
  const budgets = shared ?? local
  const close = () => {
    stopReading()
    shared?.close()
  }
  const state = () => stateOf(local, redis, config.budgets?.onRedisTrouble)
  return { index, budgets, events: reporter, board: createBudgetBoard(index, budgets), state, close }
}

/** Whether budgets count what they should. */
function stateOf(
  local: MemoryBudgets,
  redis: SharedStore | undefined,
  trouble: BudgetSettings['onRedisTrouble'] | undefined,
): ComponentState {
  const name = 'budgets'
  if (!local.isReady) {
    return { name, healthy: false, message: 'It is not known yet what was spent: the ledger cannot be read.' }
  }
  if (redis?.available !== false) return { name, healthy: true, message: '' }
  const what =
    trouble === 'lease' ? 'Each gateway spends a small part of each budget' : 'Calls that budgets count are refused'
  return { name, healthy: false, message: `${what}, because Redis is unavailable.` }
}

/** Budgets that all gateways on one Redis count together. */
function sharedBudgets(
  local: MemoryBudgets,
  store: SharedStore,
  { budgets, ledger }: Config,
  { clock, book }: Pick<BudgetTools, 'clock' | 'book'>,
): RedisBudgets {
  const leases = budgets?.onRedisTrouble === 'lease'
  const id = ledger ? ledgerId(ledger) : 'memory'
  return new RedisBudgets({ store, clock, local, ledger: id, gateway: randomUUID(), leases, book })
}
