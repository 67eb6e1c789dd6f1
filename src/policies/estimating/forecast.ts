import { neededBy } from '../../domain/budgets/budget-rule.ts'
import type { Call } from '../../domain/calls/call.ts'
import { contextWindow } from '../../domain/calls/context-window.ts'
import type { Authenticated, Planned, Target } from '../../domain/calls/facts.ts'
import { operations } from '../../domain/calls/operations.ts'
import type { Reason } from '../../domain/errors/reasons.ts'
import { holderOf } from '../../domain/limits/holder.ts'
import type { Breakers } from '../../domain/ports/breakers.ts'
import type { BudgetStatus } from '../../domain/ports/money/budgets.ts'
import type { BudgetForecastView, TargetForecast } from '../../domain/ports/money/forecast.ts'
import { BreakerState, type ChatRequest } from '../../domain/types.ts'
import { AttemptCost } from '../budgets/attempt/attempt-cost.ts'
import { type AttemptPlan, planAttempt } from '../budgets/attempt/attempt-plan.ts'
import { serviceTierIn } from '../budgets/attempt/provider-options.ts'
import { spenderOf } from '../budgets/budget-index.ts'
import type { BudgetParts } from '../budgets/budget-parts.ts'
import { isOwn } from '../budgets/refusals.ts'
import { forecastFit } from '../conversations/forecast-fit.ts'
import type { Estimator } from './estimator.ts'

export interface ForecastParts {
  readonly estimator: Estimator
  readonly budgets: BudgetParts | undefined
  readonly breakers: Breakers
}

type Needs = Call<ChatRequest> & Authenticated & Planned

/** What a call would cost at one of its targets, and what would become of it there. Nothing is reserved or asked. */
export async function forecast(parts: ForecastParts, call: Needs, target: Target): Promise<TargetForecast> {
  const { estimator, budgets } = parts
  const fit = forecastFit({ ...call, target }, estimator)
  const request = fit?.request ?? call.request
  const asked = { ...call, request, target }
  const { operation, wishes } = call
  const tokens = operations[operation].inputTokens(request)
  const facts = target.provider.describe(target.model)
  const keys = budgets?.index.keysOf(spenderOf(call), target.provider.name) ?? []
  const plan = facts.price && planAttempt(asked, keys, facts.price, estimator)
  const statuses = (await budgets?.budgets.current(keys)) ?? []
  const forecasts = statuses.map((status) => forecastOf(status, plan))
  const own = wishes.maxTokens ?? target.defaults.maxTokens
  const outputMax = Math.min(own ?? Number.POSITIVE_INFINITY, facts.maxOutput ?? Number.POSITIVE_INFINITY)
  const serviceTier = serviceTierIn(request.providerOptions)
  const { price } = facts
  return {
    target,
    request,
    input: estimator.input(asked, tokens),
    isLearned: estimator.isLearned(asked),
    output: estimator.output(asked),
    outputMax: outputMax === Number.POSITIVE_INFINITY ? undefined : outputMax,
    contextWindow: contextWindow(target, request),
    fit,
    costWith: (input, output) =>
      price && new AttemptCost(price, { tokens: input, caching: tokens.caching, serviceTier }).with(output),
    skipped: isBlocked(parts, asked) ?? costReason(asked, plan, forecasts, keys.length > 0),
    budgets: forecasts,
  }
}

/** Why the target would not be asked at the moment, whatever it costs. */
function isBlocked({ breakers }: ForecastParts, call: Needs & { readonly target: Target }): Reason | undefined {
  const { provider, model } = call.target
  if (breakers.stateOf(provider.name, model) === BreakerState.OPEN) return 'UPSTREAM_CIRCUIT_OPEN'
  const use = { model, task: operations[call.operation].task, caller: holderOf(call) }
  return provider.keys && provider.keys.wait(use) > 0 ? provider.keys.refusal(use).reason : undefined
}

function costReason(
  { wishes }: Needs,
  plan: AttemptPlan | undefined,
  forecasts: readonly BudgetForecastView[],
  isCounted: boolean,
): Reason | undefined {
  if (!plan) {
    const refuses = isCounted && forecasts.some(({ refuses }) => refuses)
    return refuses || wishes.maxCost !== undefined ? 'NO_PRICE' : undefined
  }
  if (plan.cost.isFree) return undefined
  if (plan.isOverMaxCost) return 'OVER_MAX_COST'
  return forecasts.some(({ passes }) => !passes) ? 'OVER_BUDGET' : undefined
}

function forecastOf(status: BudgetStatus, plan: AttemptPlan | undefined): BudgetForecastView {
  const { rule } = status.key
  const left = status.limit - status.spent - status.reserved
  const refuses = rule.action === 'refuse'
  return {
    name: rule.name,
    refuses,
    remaining: isOwn(status) ? Math.max(0, left) : undefined,
    // A budget that refuses does not let a target pass whose cost is not known.
    passes: plan ? plan.cost.isFree || left >= neededBy(rule, plan) : !refuses,
  }
}
