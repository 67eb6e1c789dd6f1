import type { BudgetKey } from '../../domain/budgets/budget-rule.ts'
import { GatewayError, invalid } from '../../domain/errors/error.ts'
import { MAX_USD, nanoDollars } from '../../domain/money.ts'
import type { BudgetBoard, BudgetStatus, Budgets } from '../../domain/ports/money/budgets.ts'
import { type BudgetIndex, usersOf } from './budget-index.ts'
import { isOwn } from './refusals.ts'

/** Answers what callers and operators ask about budgets. */
export function createBudgetBoard(index: BudgetIndex, budgets: Budgets): BudgetBoard {
  const ownKeysOf = (caller: string) => index.ownKeysOf({ caller, userId: '', labels: {} })
  return {
    list: (caller) =>
      caller === undefined ? inOrder(budgets.list()) : ownOf(caller, budgets.statusOf(ownKeysOf(caller))),
    async current(caller) {
      await budgets.refresh()
      return caller === undefined ? inOrder(budgets.list()) : ownOf(caller, await budgets.current(ownKeysOf(caller)))
    },
    checkName(name) {
      if (!index.rules.some((rule) => rule.name === name)) throw notFound(name)
    },
    async adjust(name, subject, add) {
      const key = keyOf(index, name, subject)
      const [status] = await budgets.current([key])
      if (status && Math.abs(status.adjusted + add) > nanoDollars(MAX_USD)) {
        throw invalid('add_usd', `must keep what is added in this window at most ${MAX_USD} in size.`)
      }
      return await budgets.adjust(key, add)
    },
  }

  /** What a caller may see: its own budgets, also those that have spent nothing, and those of its users. */
  function ownOf(caller: string, statuses: readonly BudgetStatus[]): readonly BudgetStatus[] {
    const users = usersOf(caller)
    const ofUsers = budgets.list().filter(({ scope, subject }) => scope === 'user' && subject.startsWith(users))
    return [...statuses.filter(isOwn), ...ofUsers.toSorted((a, b) => compare(a.subject, b.subject))]
  }

  function inOrder(statuses: readonly BudgetStatus[]): readonly BudgetStatus[] {
    const place = new Map(index.rules.map((rule, at) => [rule.name, at]))
    const rank = ({ budget }: BudgetStatus) => place.get(budget) ?? 0
    return [...statuses].sort((a, b) => rank(a) - rank(b) || compare(a.subject, b.subject))
  }
}

/** Throws BUDGET_NOT_FOUND. */
function keyOf(index: BudgetIndex, name: string, subject: string): BudgetKey {
  const rule = index.rules.find((candidate) => candidate.name === name)
  if (!rule) throw notFound(name)
  const isShared = rule.scope === 'global' || rule.shared
  if (isShared ? subject === '' : index.hasSubject(rule, subject)) return { rule, subject }
  const expected = isShared ? 'it has one sum: leave the subject empty' : `its subjects are ${SUBJECTS[rule.scope]}`
  throw new GatewayError('BUDGET_NOT_FOUND', `The budget ${JSON.stringify(name)} has no such subject: ${expected}.`)
}

const SUBJECTS = {
  global: 'empty',
  provider: 'names of providers',
  caller: 'names of callers',
  user: 'written caller/user',
  label: 'written label=value',
} as const

function notFound(name: string): GatewayError {
  return new GatewayError('BUDGET_NOT_FOUND', `No budget is named ${JSON.stringify(name)}. ListBudgets lists them.`)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
