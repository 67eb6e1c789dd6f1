import type { Call, CallContext, Caller } from '../../../domain/calls/call.ts'
import { createCall, type Target } from '../../../domain/calls/facts.ts'
import { invalid } from '../../../domain/errors/error.ts'
import { dollars } from '../../../domain/money.ts'
import type { TargetForecast } from '../../../domain/ports/money/forecast.ts'
import {
  type ChatRequest,
  ContextOverflow,
  type EstimateRequest,
  type EstimateResponse,
  type TargetEstimate,
  TokenSource,
} from '../../../domain/types.ts'

const MAX_TARGETS = 16

/** Forecasts of a chat at each of its targets, in order. Rejects as a call that is not planned does. */
export type Forecaster = (call: Call<ChatRequest>, caller: Caller) => Promise<readonly TargetForecast[]>

/** The vendor's own count of input tokens; undefined where it cannot be had. */
export type Counter = (call: Call<ChatRequest>, caller: Caller, target: Target) => Promise<number | undefined>

/** Estimates what a chat would cost, without making it. */
export function createEstimate(forecasts: Forecaster, count: Counter) {
  return async (
    { chat, exact, maxTargets }: EstimateRequest,
    context: CallContext,
    caller: Caller,
  ): Promise<EstimateResponse> => {
    if (!chat) throw invalid('chat', 'is required.')
    if (maxTargets > MAX_TARGETS) throw invalid('max_targets', `must be at most ${MAX_TARGETS}.`)
    const call = createCall('chat', chat, context)
    const found = (await forecasts(call, caller)).slice(0, maxTargets || MAX_TARGETS)
    const first = found.find(({ skipped }) => skipped === undefined) ?? found[0]
    const targets = found.map(async (forecast) => {
      const isAsked = exact && (maxTargets > 0 || forecast === first)
      const counted = isAsked ? await count({ ...call, request: forecast.request }, caller, forecast.target) : undefined
      return toMessage(forecast, counted)
    })
    return { $typeName: 'llmgateway.v1.EstimateResponse', targets: await Promise.all(targets) }
  }
}

function toMessage(forecast: TargetForecast, counted: number | undefined): TargetEstimate {
  const { target, isLearned, output, outputMax, contextWindow, skipped, fit, budgets } = forecast
  const input = counted ?? forecast.input
  const limited = (tokens: number) => Math.min(tokens, outputMax ?? tokens)
  const usd = (tokens: number | undefined) => {
    const cost = tokens === undefined ? undefined : forecast.costWith(input, tokens)
    return cost === undefined ? undefined : dollars(cost)
  }
  const [p50, p95] = [limited(output.p50), limited(output.p95)]
  return {
    $typeName: 'llmgateway.v1.TargetEstimate',
    provider: target.provider.name,
    model: target.model,
    skipped: skipped ?? '',
    inputTokens: input,
    inputSource: sourceOf(counted, isLearned),
    outputP50: p50,
    outputP95: p95,
    ...defined({ outputMax, usdP50: usd(p50), usdP95: usd(p95), usdMax: usd(outputMax), contextWindow }),
    fits: !fit && (contextWindow === undefined || input + p95 <= contextWindow),
    contextOverflow: fit?.overflow ?? ContextOverflow.UNSPECIFIED,
    droppedTurns: fit?.dropped ?? 0,
    budgets: budgets.map(({ name, remaining, passes }) => ({
      $typeName: 'llmgateway.v1.BudgetForecast',
      name,
      passes,
      ...(remaining !== undefined && { remainingUsd: dollars(remaining) }),
    })),
  }
}

function sourceOf(counted: number | undefined, isLearned: boolean): TokenSource {
  if (counted !== undefined) return TokenSource.COUNTED
  return isLearned ? TokenSource.LEARNED : TokenSource.GUESSED
}

/** Without the entries that are undefined. */
function defined<T extends object>(values: T): { [Name in keyof T]?: NonNullable<T[Name]> } {
  // The entries that are left have a value.
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never
}
