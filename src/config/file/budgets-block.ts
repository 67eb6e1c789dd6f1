import { z } from 'zod'
import {
  budgetActions,
  budgetReserves,
  budgetScopes,
  budgetWindows,
  weekDays,
} from '../../domain/budgets/budget-rule.ts'
import { MAX_USD } from '../../domain/money.ts'
import { block, expected, field } from './block.ts'
import { decimal, flag, oneOf, type Reader, text, timeZone } from './readers.ts'

/** The name of a budget, which its callers, metrics and alerts show. */
const budgetName: Reader<string> = {
  expects: 'a name of 1 to 64 letters, digits, spaces and -_.',
  read: (value) => (/^[\p{L}\p{N}_.-]([\p{L}\p{N} _.-]{0,62}[\p{L}\p{N}_.-])?$/u.test(value) ? value : undefined),
}

/** A glob over names, or values of labels by their keys. */
const match = z.union([field(text), z.record(z.string().min(1), field(text))], {
  error: (issue) => expected('a pattern such as web-*, or for labels { team: red }', issue.input),
})

export const budgetActionReader = oneOf(budgetActions)
/** Sums of such amounts in nano-dollars fit into 64 bits. */
export const usd = decimal(0, MAX_USD)

const budget = block({
  name: field(budgetName),
  scope: field(oneOf(budgetScopes)),
  match: match.optional(),
  shared: field(flag).optional(),
  limit_usd: field(usd),
  window: field(oneOf(budgetWindows)),
  time_zone: field(timeZone).optional(),
  week_start: field(oneOf(weekDays)).optional(),
  action: field(budgetActionReader).optional(),
  reserve: field(oneOf(budgetReserves)).optional(),
  fit: field(flag).optional(),
})
export type BudgetEntry = z.output<typeof budget>

export const budgetsBlock = block({
  on_redis_trouble: field(oneOf(['lease', 'refuse'] as const)).optional(),
  list: z.array(budget).optional(),
})
