import { neededBy, type WantedAmounts } from '../../domain/budgets/budget-rule.ts'
import type { Call } from '../../domain/calls/call.ts'
import type { Planned, Routed, Target } from '../../domain/calls/facts.ts'
import type { Clock } from '../../domain/clock.ts'
import { type ErrorFacts, GatewayError } from '../../domain/errors/error.ts'
import { dollars, type NanoDollars } from '../../domain/money.ts'
import type { BudgetStatus } from '../../domain/ports/money/budgets.ts'
import { AttemptOutcome } from '../../domain/types.ts'
import { skipTarget } from '../routing/skip-target.ts'
import type { BudgetParts } from './budget-parts.ts'

/** A longer wait is not announced, in ms. */
const MAX_WAIT = 3_600_000

/**
 * Error of a call that a budget does not bear. `amount` is what the budget must bear; undefined for a response that is cut.
 * The numbers of a budget are for those alone whose spending it counts.
 */
export function budgetExceeded(
  status: BudgetStatus,
  clock: Clock,
  amount: NanoDollars | undefined,
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

/**
 * Records that a budget keeps a call from its target, and returns the error. A budget that avoids a target leaves the
 * call to the next one; a budget that refuses, to one that is free.
 */
export function refuseTarget(
  { events }: BudgetParts,
  call: Call & Planned & Routed,
  refusedBy: BudgetStatus,
  wanted: WantedAmounts,
  clock: Clock,
): GatewayError {
  const { target, targets, context, fallback: isFallback } = call
  const { provider, model } = target
  const facts = { provider: provider.name, model }
  const amount = neededBy(refusedBy.key.rule, wanted)
  if (refusedBy.key.rule.action === 'avoid') {
    events.avoided(target, refusedBy)
    const { record } = context
    record.fail(record.begin(provider.name, model, isFallback), AttemptOutcome.SKIPPED, 'OVER_BUDGET')
    return budgetExceeded(refusedBy, clock, amount, { ...facts, fallback: true })
  }
  events.refused(refusedBy)
  const fallback = targets.some((other) => other !== target && isFree(other))
  return skipTarget(call, budgetExceeded(refusedBy, clock, amount, { ...facts, fallback }))
}

function isFree({ provider, model }: Target): boolean {
  const { price } = provider.describe(model)
  return price !== undefined && price.list.input === 0 && price.list.output === 0
}

export function noPrice({ provider, model }: Target): GatewayError {
  const target = `${provider.name}/${model}`
  const message = `${target} has no known price, so its cost cannot be limited. Configure prices["${target}"].`
  return new GatewayError('NO_PRICE', message, { provider: provider.name, model })
}

export function overMaxCost({ provider, model }: Target): GatewayError {
  const target = `${provider.name}/${model}`
  const message = `${target} would cost more than max_cost_usd. Raise it, ask for less, or ask a cheaper model.`
  return new GatewayError('OVER_MAX_COST', message, { provider: provider.name, model })
}
