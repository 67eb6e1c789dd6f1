import type { BudgetKey } from '../../../domain/budgets/budget-rule.ts'
import { operations } from '../../../domain/calls/operations.ts'
import type { ModelPrice, NanoDollars } from '../../../domain/money.ts'
import type { ModelFacts } from '../../../domain/ports/provider.ts'
import type { InputTokens } from '../../../domain/tokens/request-tokens.ts'
import type { Estimated, Estimator, OutputEstimate } from '../../estimating/estimator.ts'
import { AttemptCost } from './attempt-cost.ts'
import { serviceTierIn } from './provider-options.ts'
import { showsItsCost } from './shows-cost.ts'

/** The largest response of a model of which nothing is known, for calls that do not bound it. */
const USUAL_LARGEST = 8_192
/** A response is not made shorter than this many tokens: the call is refused instead. */
export const MIN_OUTPUT = 16

/** What one attempt may cost. */
export interface AttemptPlan {
  readonly tokens: InputTokens
  readonly cost: AttemptCost
  /** Input tokens that `cost` contains. */
  readonly input: number
  /** Input tokens that the vendor is likely to count, rather too many than too few. */
  readonly likelyInput: number
  /** The most output tokens that the call and its model allow, and that `max_cost_usd` bears. */
  readonly ceiling: number
  /** The most output tokens that `max_cost_usd` bears; Infinity without one. */
  readonly cap: number
  /** Whether `max_cost_usd` bears less than the call and its model allow. */
  readonly isCapped: boolean
  /** Whether `max_cost_usd` does not bear such a call. */
  readonly isOverMaxCost: boolean
  /** Whether the reservation grows while the response is generated. */
  readonly isMetered: boolean
  /** What is reserved where the budgets bear it. */
  readonly amount: NanoDollars
  readonly least: NanoDollars
}

/** Plans an attempt: what it reserves in these budgets. */
export function planAttempt(
  call: Estimated,
  keys: readonly BudgetKey[],
  price: ModelPrice,
  estimator: Estimator,
): AttemptPlan {
  const { operation, request, target, wishes } = call
  const tokens = operations[operation].inputTokens(request)
  const facts = target.provider.describe(target.model)
  const isBounding = keys.some(({ rule }) => rule.action === 'refuse')
  const isWorst = keys.some(({ rule }) => rule.action === 'refuse' && rule.reserve === 'worst')
  const isMetered = isBounding && !isWorst && showsItsCost(call, facts)
  const typical = estimator.highInput(call, tokens)
  const input = isBounding && !isMetered ? estimator.mostInput(call, tokens) : typical
  const serviceTier = serviceTierIn(request.providerOptions)
  const costOf = (input: number) => new AttemptCost(price, { tokens: input, caching: tokens.caching, serviceTier })
  const cost = costOf(input)
  const usual = estimator.output(call)
  const allowed = ceilingOf(call, facts, typical)
  const { cap, isOverMaxCost } =
    wishes.maxCost === undefined ? UNCAPPED : capOf(costOf(typical), wishes.maxCost, allowed, usual)
  const ceiling = Math.min(allowed, cap)
  const output = isBounding && !isMetered ? ceiling : Math.min(ceiling, usual.p95)
  const least = cost.with(Math.min(ceiling, MIN_OUTPUT))
  const isCapped = ceiling < allowed
  const likelyInput = Math.min(typical, input)
  return {
    tokens,
    cost,
    input,
    likelyInput,
    ceiling,
    cap,
    isCapped,
    isOverMaxCost,
    isMetered,
    amount: cost.with(output),
    least,
  }
}

const UNCAPPED = { cap: Number.POSITIVE_INFINITY, isOverMaxCost: false }

/** The most output tokens that `max_cost_usd` bears, and whether it bears such a call at all. */
function capOf(cost: AttemptCost, maxCost: NanoDollars, allowed: number, { p50 }: OutputEstimate) {
  const cap = cost.outputFor(maxCost)
  const isOverMaxCost = cost.with(Math.min(allowed, p50)) > maxCost || cap < Math.min(allowed, MIN_OUTPUT)
  return { cap, isOverMaxCost }
}

/** The least of what the call allows and what the model can. */
function ceilingOf({ wishes, target }: Estimated, { maxOutput, contextWindow }: ModelFacts, input: number): number {
  const own = wishes.maxTokens ?? target.defaults.maxTokens
  if (own !== undefined) return Math.min(own, maxOutput ?? own)
  const largest = maxOutput ?? USUAL_LARGEST
  const isTight = contextWindow !== undefined && contextWindow - input < largest
  return isTight ? Math.max(MIN_OUTPUT, contextWindow - input) : largest
}
