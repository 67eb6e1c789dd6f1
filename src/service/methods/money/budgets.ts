import type { Caller } from '../../../domain/calls/call.ts'
import { GatewayError, invalid } from '../../../domain/errors/error.ts'
import { dollars, MAX_USD, nanoDollars } from '../../../domain/money.ts'
import type { BudgetBoard, BudgetStatus } from '../../../domain/ports/money/budgets.ts'
import type { StatsSource } from '../../../domain/ports/operations/stats.ts'
import {
  type AdjustBudgetRequest,
  type AdjustBudgetResponse,
  type Budget,
  BudgetAction,
  BudgetScope,
  BudgetState,
  BudgetWindow,
  type ListBudgetsRequest,
  type ListBudgetsResponse,
} from '../../../domain/types.ts'
import { timestamp } from '../timestamp.ts'
import { pageSizeOf } from './usage-selection.ts'

/** Part of a limit from which a budget is reported as nearly spent. */
const WARNING_FROM = 0.8
/** Most budgets in the statistics. */
const MAX_IN_STATS = 100

/** Lists budgets with what is spent and reserved. */
export function createListBudgets(board: BudgetBoard | undefined) {
  return async (request: ListBudgetsRequest, _context: unknown, caller: Caller): Promise<ListBudgetsResponse> => {
    const { name, pageToken } = request
    const pageSize = pageSizeOf(request.pageSize)
    if (name !== '') existing(board, name).checkName(name)
    const seen = (await board?.current(seenBy(caller))) ?? []
    const all = seen.filter(({ budget }) => name === '' || budget === name)
    const start = positionOf(pageToken, all)
    const page = all.slice(start, start + pageSize)
    const last = page.at(-1)
    const isLast = !last || start + pageSize >= all.length
    return {
      $typeName: 'llmgateway.v1.ListBudgetsResponse',
      budgets: page.map(toMessage),
      nextPageToken: isLast ? '' : tokenOf(last),
    }
  }
}

/** Adds to the limit of one budget until its window ends. */
export function createAdjustBudget(board: BudgetBoard | undefined) {
  return async ({ name, subject, addUsd }: AdjustBudgetRequest): Promise<AdjustBudgetResponse> => {
    if (name === '') throw invalid('name', 'is required.')
    if (!(Math.abs(addUsd) <= MAX_USD)) throw invalid('add_usd', `must be at most ${MAX_USD} in size.`)
    if (nanoDollars(addUsd) === 0) throw invalid('add_usd', 'must not be 0.')
    const budget = await existing(board, name).adjust(name, subject, nanoDollars(addUsd))
    return { $typeName: 'llmgateway.v1.AdjustBudgetResponse', budget: toMessage(budget) }
  }
}

/** Adds the budgets that a caller may see to the statistics. */
export function statsFor(stats: StatsSource, board: BudgetBoard | undefined, caller: Caller): StatsSource {
  if (!board) return stats
  return {
    reset: () => stats.reset(),
    snapshot: (reach) => ({
      ...stats.snapshot(reach),
      budgets: board.list(seenBy(caller)).slice(0, MAX_IN_STATS).map(toMessage),
    }),
    lastAttempt: (provider) => stats.lastAttempt(provider),
  }
}

/** Whose budgets a caller may see; undefined for all of them. */
function seenBy({ admin, name }: Caller): string | undefined {
  return admin ? undefined : name
}

function existing(board: BudgetBoard | undefined, name: string): BudgetBoard {
  if (board) return board
  throw new GatewayError('BUDGET_NOT_FOUND', `No budget is named ${JSON.stringify(name)}: there are none.`)
}

const scopes = {
  global: BudgetScope.GLOBAL,
  provider: BudgetScope.PROVIDER,
  caller: BudgetScope.CALLER,
  user: BudgetScope.USER,
  label: BudgetScope.LABEL,
} as const
const windows = {
  day: BudgetWindow.DAY,
  week: BudgetWindow.WEEK,
  month: BudgetWindow.MONTH,
  total: BudgetWindow.TOTAL,
} as const
const actions = { refuse: BudgetAction.REFUSE, avoid: BudgetAction.AVOID, alert: BudgetAction.ALERT } as const

function toMessage(status: BudgetStatus): Budget {
  const { budget, scope, subject, spent, reserved, limit, adjusted, window, windowStart, resetsAt, key } = status
  const message: Budget = {
    $typeName: 'llmgateway.v1.Budget',
    name: budget,
    scope: scopes[scope],
    subject,
    spentUsd: dollars(spent),
    reservedUsd: dollars(reserved),
    limitUsd: dollars(limit),
    adjustedUsd: dollars(adjusted),
    window: windows[window],
    action: actions[key.rule.action],
    state: stateOf(status),
  }
  if (window !== 'total') message.windowStart = timestamp(windowStart)
  if (resetsAt !== undefined) message.resetsAt = timestamp(resetsAt)
  return message
}

function stateOf({ spent, limit }: BudgetStatus): BudgetState {
  if (spent >= limit) return BudgetState.EXCEEDED
  return spent >= WARNING_FROM * limit ? BudgetState.WARNING : BudgetState.OK
}

function tokenOf({ budget, subject }: BudgetStatus): string {
  return Buffer.from(JSON.stringify([budget, subject])).toString('base64url')
}

/** Index of the first budget of the page. Throws INVALID_REQUEST. */
function positionOf(pageToken: string, all: readonly BudgetStatus[]): number {
  if (pageToken === '') return 0
  const at = all.findIndex((status) => tokenOf(status) === pageToken)
  if (at < 0) throw invalid('page_token', 'must be the next_page_token of the page before.')
  return at + 1
}
