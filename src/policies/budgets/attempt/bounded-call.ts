import type { Call } from '../../../domain/calls/call.ts'
import type { Routed } from '../../../domain/calls/facts.ts'
import type { Hold } from '../../../domain/ports/money/budgets.ts'
import type { AttemptPlan } from './attempt-plan.ts'
import { boundOptions } from './provider-options.ts'

/** The most output tokens that the vendor may generate. `hold` is undefined where no budget counts the attempt. */
export function maxTokensFor({ cost, ceiling, isMetered, amount }: AttemptPlan, hold: Hold | undefined): number {
  if (!hold?.tightest || (!isMetered && hold.amount === amount)) return ceiling
  return Math.min(ceiling, cost.outputFor(isMetered ? hold.headroom : hold.amount))
}

/** The call with a bound on its output, where a budget refuses calls or the call has a limit of its own. */
export function boundedCall<C extends Call & Routed>(
  call: C,
  plan: AttemptPlan,
  hold: Hold | undefined,
  maxTokens: number,
): C {
  const { request, wishes } = call
  const isLimited = hold?.tightest !== undefined || wishes.maxCost !== undefined
  // An operation that generates nothing has no output to bound.
  if (!isLimited || wishes.maxTokens === 0) return call
  const providerOptions = boundOptions(request.providerOptions, maxTokens)
  return {
    ...call,
    // Not a spread: Node 20 gives each object with a new property after one a hidden class of its own, and readers miss.
    request: Object.assign({}, request, { maxTokens, providerOptions }),
    warnings: warningsFor(call, plan, hold, maxTokens),
  }
}

function warningsFor(
  { target, warnings }: Call & Routed,
  plan: AttemptPlan,
  hold: Hold | undefined,
  maxTokens: number,
) {
  const isLowered = maxTokens < plan.ceiling
  if (!isLowered && !plan.isCapped) return warnings
  const limit = isLowered && hold?.tightest ? `the budget ${JSON.stringify(hold.tightest.budget)}` : 'max_cost_usd'
  const name = `${target.provider.name}/${target.model}`
  return [...warnings, `max_tokens was lowered to ${maxTokens} for ${name}: ${limit} bears no more`]
}
