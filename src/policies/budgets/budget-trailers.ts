import type { Trailers } from '../../domain/calls/call-record.ts'
import type { Clock } from '../../domain/clock.ts'
import { dollarDigits, type NanoDollars } from '../../domain/money.ts'
import type { BudgetStatus } from '../../domain/ports/money/budgets.ts'
import type { Spender } from './budget-index.ts'
import type { BudgetParts } from './budget-parts.ts'
import { isOwn } from './refusals.ts'

/**
 * Facts for the caller about its own or its user's budget that has least left: limit and rest in USD, and seconds until
 * it begins again. Undefined without such a budget.
 */
export function budgetTrailers({ index, budgets }: BudgetParts, spender: Spender, clock: Clock): Trailers | undefined {
  const keys = index.ownKeysOf(spender)
  if (keys.length === 0) return undefined
  let nearest: BudgetStatus | undefined
  for (const status of budgets.statusOf(keys)) {
    if (isOwn(status) && (!nearest || leftOf(status) < leftOf(nearest))) nearest = status
  }
  if (!nearest) return undefined
  const { limit, resetsAt } = nearest
  return {
    'budget-limit-usd': dollarDigits(limit),
    'budget-remaining-usd': dollarDigits(Math.max(0, leftOf(nearest))),
    ...(resetsAt !== undefined && { 'budget-reset': String(Math.max(0, Math.ceil((resetsAt - clock.wall()) / 1000))) }),
  }
}

function leftOf({ limit, spent, reserved }: BudgetStatus): NanoDollars {
  return limit - spent - reserved
}
