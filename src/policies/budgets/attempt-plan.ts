import type { BudgetKey } from '../../domain/budgets/budget-rule.ts'
import { operations } from '../../domain/calls/operations.ts'
import type { ModelPrice, NanoDollars } from '../../domain/money.ts'
import type { ModelFacts } from '../../domain/ports/provider.ts'
import type { InputTokens } from '../../domain/tokens/request-tokens.ts'
import type { Estimated, Estimator } from '../estimating/estimator.ts'
import { AttemptCost } from './attempt-cost.ts'
import { serviceTierIn } from './provider-options.ts'
import { showsItsCost } from './shows-cost.ts'

/** The largest response of a model of which nothing is known, for calls that do not bound it. */
const USUAL_LARGEST = 8_192
/** A response is not made shorter than this many tokens: the call is refused instead. */
export const MIN_OUTPUT = 16
/** An estimate of the input, so that it is rarely too low. */
const MARGIN = 1.1

/** What one attempt may cost. */
export interface AttemptPlan {
  readonly tokens: InputTokens
  readonly cost: AttemptCost
  /** Input tokens that `cost` contains. */
  readonly input: number
  /** The most output tokens that the call and its model allow. */
  readonly ceiling: number
  /** Output tokens that are reserved where the budgets bear them. */
  readonly output: number
  /** Whether the reservation grows while the response is generated. */
  readonly isMetered: boolean
  readonly amount: NanoDollars
  readonly least: NanoDollars
}

/** Plans an attempt: what it reserves with these budgets. */
export function planAttempt(
  call: Estimated,
  keys: readonly BudgetKey[],
  price: ModelPrice,
  estimator: Estimator,
): AttemptPlan {
  const { operation, request, target } = call
  const traits = operations[operation]
  const tokens = traits.inputTokens(request)
  const facts = target.provider.describe(target.model)
  const isBounding = keys.some(({ rule }) => rule.action === 'refuse')
  const isWorst = keys.some(({ rule }) => rule.action === 'refuse' && rule.reserve === 'worst')
  const isMetered = isBounding && !isWorst && showsItsCost(call, facts)
  const typical = estimator.input(call, tokens)
  const input = isBounding && !isMetered ? tokens.most : Math.ceil(typical * MARGIN)
  const serviceTier = serviceTierIn(request.providerOptions)
  const cost = new AttemptCost(price, { tokens: input, caching: tokens.caching, serviceTier })
  const ceiling = ceilingOf(call, facts, typical)
  const output = isBounding && !isMetered ? ceiling : Math.min(ceiling, estimator.output(call).p95)
  const least = cost.with(Math.min(ceiling, MIN_OUTPUT))
  return { tokens, cost, input, ceiling, output, isMetered, amount: cost.with(output), least }
}

/** The least of what the call allows and what the model can. */
function ceilingOf({ wishes, target }: Estimated, { maxOutput, contextWindow }: ModelFacts, input: number): number {
  const own = wishes.maxTokens ?? target.defaults.maxTokens
  if (own !== undefined) return Math.min(own, maxOutput ?? own)
  const largest = maxOutput ?? USUAL_LARGEST
  const isTight = contextWindow !== undefined && contextWindow - input < largest
  return isTight ? Math.max(MIN_OUTPUT, contextWindow - input) : largest
}
