import type { Call } from '../../domain/calls/call.ts'
import type { AttemptCharge, AttemptRecord } from '../../domain/calls/call-record.ts'
import type { Reserved, Routed } from '../../domain/calls/facts.ts'
import { operations } from '../../domain/calls/operations.ts'
import type { GatewayError } from '../../domain/errors/error.ts'
import { isOutcomeUnknown } from '../../domain/errors/reasons.ts'
import { type Bill, type ModelPrice, nanoDollars } from '../../domain/money.ts'
import type { RequestProgress } from '../../domain/ports/provider.ts'
import type { EmbedFinish } from '../../domain/streams/events.ts'
import { AttemptOutcome, type Cost, type Usage, UsageState } from '../../domain/types.ts'

/** Output tokens that are charged for an attempt whose end is unknown, unless the call allows fewer. */
const UNKNOWN_OUTPUT = 1_000

type Needs = Call & Routed & Reserved

/** Nothing was generated, or nothing was sent. */
export const NO_CHARGE: AttemptCharge = {
  state: UsageState.NO_CHARGE,
  usage: undefined,
  cost: { input: 0, output: 0 },
}

/** The charge of a response: what the provider states. */
export function chargeOfResponse({ usage, cost }: Pick<EmbedFinish, 'usage' | 'cost'>): AttemptCharge {
  const isEstimated = usage?.estimated || cost?.estimated
  const state = isEstimated ? UsageState.ESTIMATED : UsageState.SETTLED
  return { state, usage, cost: cost && billOf(cost) }
}

/**
 * The charge of an attempt that failed: nothing where the vendor generated nothing; else what it reported, or an estimate
 * of what it did, at the price when the attempt began.
 */
export function chargeOfFailure(
  call: Needs,
  attempt: AttemptRecord,
  error: GatewayError,
  price: ModelPrice | undefined,
): AttemptCharge {
  if (attempt.outcome === AttemptOutcome.SKIPPED) return NO_CHARGE
  const { usage, cost } = attempt
  if (!usage) {
    const { sent, status, outcome } = attempt
    const progress = { sent, status, isCancelled: outcome === AttemptOutcome.CANCELLED }
    return chargeOfLostRequest(call, progress, error, unknownUsage(call), price)
  }
  const seen = closer(call, usage)
  // A response that is not streamed is complete where its usage is known.
  const counted = call.streamed && doesRunOn(call) ? atLeast(seen, unknownUsage(call)) : seen
  // What a provider has charged itself is the cost of this usage.
  const own = counted === usage ? cost : undefined
  return { state: UsageState.ESTIMATED, usage: counted, cost: own ? billOf(own) : price?.bill(counted) }
}

/** The charge of a request that failed without a usage. `assumed`: what a complete response is assumed to use. */
export function chargeOfLostRequest(
  call: Needs,
  { sent, status, isCancelled }: RequestProgress,
  error: GatewayError,
  assumed: Usage,
  price: ModelPrice | undefined,
): AttemptCharge {
  // Without a bad status or an error of the vendor's own, it has done its work or is about to.
  const isRefused = (status !== undefined && status !== 200) || error.facts.upstream !== undefined
  if (!sent || (isRefused && !isCancelled && !isOutcomeUnknown(error.reason))) return NO_CHARGE
  const usage = doesRunOn(call) ? assumed : { ...assumed, output: 0, total: assumed.input ?? 0 }
  return { state: UsageState.ESTIMATED, usage, cost: price?.bill(usage) }
}

/** Usage that is assumed for an attempt whose outcome never becomes known. */
export function unknownUsage({ operation, request, wishes, target, reservation }: Needs): Usage {
  const { promptTokens, mediaTokens } = operations[operation]
  const allowed = wishes.maxTokens ?? target.defaults.maxTokens ?? UNKNOWN_OUTPUT
  const output = Math.min(allowed, UNKNOWN_OUTPUT, reservation?.assumed.output ?? allowed)
  const input = reservation?.input ?? promptTokens(request) + mediaTokens(request)
  return { $typeName: 'llmgateway.v1.Usage', input, output, total: input + output, estimated: true }
}

/** Whether the vendor generates the whole response although the gateway has closed the connection. */
function doesRunOn({ streamed, target }: Needs): boolean {
  return !streamed || target.provider.onCancel === 'runs_on'
}

function billOf({ inputUsd, outputUsd }: Cost): Bill {
  return { input: nanoDollars(inputUsd), output: nanoDollars(outputUsd) }
}

/** What budgets have counted of a response is closer than an estimate that counts its bytes. */
function closer({ operation, request, reservation }: Needs, usage: Usage): Usage {
  const used = usage.estimated ? reservation?.used : undefined
  if (!used) return usage
  const isReported = usage.input !== operations[operation].promptTokens(request)
  const input = (isReported ? usage.input : used.input) ?? 0
  const output = used.output ?? 0
  return { ...usage, input, output, total: input + output }
}

/** `usage` with at least the output of `expected`. */
function atLeast(usage: Usage, expected: Usage): Usage {
  const output = Math.max(usage.output ?? 0, expected.output ?? 0)
  if (output === (usage.output ?? 0)) return usage
  return { ...usage, output, total: (usage.input ?? 0) + output, estimated: true }
}
