import type { Call, Caller } from '../../domain/calls/call.ts'
import type { Target } from '../../domain/calls/facts.ts'
import type { Quota, RateLimits } from '../../domain/limits/limits.ts'
import type { ChatRequest } from '../../domain/types.ts'
import type { LimitParts } from '../limits/limited.ts'

/** Limit for a vendor's answer, in ms. */
const COUNT_TIMEOUT = 2_000

/**
 * The vendor's own count of a chat's input tokens, within the limits of the caller and the provider; undefined where
 * the vendor offers none, a limit is reached, or the vendor fails or takes too long.
 */
export async function countExactly(
  { limiter, shadow }: Pick<LimitParts, 'limiter' | 'shadow'>,
  providerLimits: RateLimits | undefined,
  call: Call<ChatRequest> & { readonly caller: Caller },
  target: Target,
): Promise<number | undefined> {
  const { provider, model } = target
  if (!provider.countTokens) return undefined
  const { cancellation, requestId } = call.context
  const quotas: Quota[] = []
  const { id, name, limits } = call.caller
  if (limits) quotas.push({ scope: 'caller', subject: id, name, limits })
  if (providerLimits) {
    quotas.push({ scope: 'provider', subject: provider.name, name: provider.name, limits: providerLimits })
  }
  try {
    const reservation = await limiter.reserve(`${requestId}:count:${provider.name}/${model}`, quotas, 0, !shadow)
    if (reservation.refusal && !shadow) return undefined
    try {
      return await provider.countTokens(call.request, target, { timeout: COUNT_TIMEOUT, cancellation })
    } finally {
      reservation.settle(0)
    }
  } catch {
    cancellation.throwIfCancelled()
    return undefined
  }
}
