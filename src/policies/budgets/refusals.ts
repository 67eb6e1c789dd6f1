import type { Clock } from '../../domain/clock.ts'
import { type ErrorFacts, GatewayError } from '../../domain/errors/error.ts'
import { dollars } from '../../domain/money.ts'
import type { BudgetStatus } from '../../domain/ports/budgets.ts'

/** A longer wait is not announced, in ms. */
const MAX_WAIT = 3_600_000

/**
 * Error of a call that a budget does not bear. `amount` is what the call needs; undefined for a response that is cut.
 * The numbers of a budget are for those alone whose spending it counts.
 */
export function budgetExceeded(
  status: BudgetStatus,
  clock: Clock,
  amount: number | undefined,
  facts: ErrorFacts = {},
): GatewayError {
  const { budget, resetsAt, limit } = status
  const wait = resetsAt === undefined ? undefined : Math.max(0, resetsAt - clock.wall())
  const isTooLarge = amount !== undefined && amount > limit
  const mayWait = wait !== undefined && wait <= MAX_WAIT && !isTooLarge
  return new GatewayError('BUDGET_EXCEEDED', messageOf(status, isTooLarge), {
    ...facts,
    ...(mayWait && { retryAfter: wait }),
    quota: {
      subject: isOwn(status) ? `budget:${budget}:${status.subject}` : `budget:${budget}`,
      description: describe(status),
    },
  })
}

/** Whether a budget counts the spending of one caller or user alone, who may know its numbers. */
export function isOwn({ key: { rule } }: BudgetStatus): boolean {
  return (rule.scope === 'caller' || rule.scope === 'user') && !rule.shared
}

function messageOf({ budget, resetsAt }: BudgetStatus, isTooLarge: boolean): string {
  const name = JSON.stringify(budget)
  if (isTooLarge)
    return `This call may cost more than the whole budget ${name}. Set a smaller max_tokens, or ask for less.`
  const until = resetsAt === undefined ? '' : ` It begins again at ${new Date(resetsAt).toISOString()}.`
  return `The budget ${name} does not bear this call.${until}`
}

function describe(status: BudgetStatus): string {
  const { window, limit } = status
  const per = window === 'total' ? 'in total' : `per ${window}`
  return isOwn(status) ? `${dollars(limit)} USD ${per}` : `A budget ${per}`
}
