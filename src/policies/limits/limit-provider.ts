import type { Call } from '../../domain/calls/call.ts'
import type { Authenticated, Routed } from '../../domain/calls/facts.ts'
import type { Policy } from '../../domain/chain.ts'
import { holderOf } from '../../domain/limits/holder.ts'
import type { Quota, RateLimits } from '../../domain/limits/limits.ts'
import { follow } from '../../domain/streams/follow.ts'
import { skipTarget } from '../routing/skip-target.ts'
import { counted, type LimitParts, refusalOf, reservedTokens, Settlement } from './limited.ts'

/** Keeps attempts at a provider within its limits. A target whose provider is at its limit is skipped. */
export function limitProvider(
  parts: LimitParts,
  limits: ReadonlyMap<string, RateLimits>,
): Policy<Call & Authenticated & Routed> {
  return (next) => (call) => {
    const { target, context } = call
    const { provider, model } = target
    const own = limits.get(provider.name)
    if (!own) return next(call)
    const { record, requestId } = context
    const quotas = [quotaOf(provider.name, own, holderOf(call))]
    const tokens = own.tokens === undefined ? 0 : reservedTokens(call, [target])
    // Each attempt counts.
    const attempts = record.attempts.length
    const id = `${requestId}:${attempts}`
    return counted(parts, { id, quotas, tokens, call }, (reservation) => {
      if (reservation.refusal && !parts.shadow) {
        const facts = { fallback: true, provider: provider.name, model }
        throw skipTarget(call, refusalOf(reservation.refusal, facts))
      }
      const countRequest = own.requests === undefined ? undefined : requestCounter(parts, id, provider.name, own)
      return follow(next, { ...call, countRequest }, new Settlement(call, reservation, attempts))
    })
  }
}

/**
 * Counts the further requests of an attempt that needs several. None of them is refused, because the first one is sent
 * by then; later calls find the limit reached. The attempt has counted the tokens of them all.
 */
function requestCounter({ limiter }: LimitParts, id: string, subject: string, { requests, window }: RateLimits) {
  const quotas = [quotaOf(subject, { ...(requests && { requests }), window })]
  let further = 0
  return async () => {
    const reservation = await limiter.reserve(`${id}:${++further}`, quotas, 0, false)
    reservation.settle(0)
  }
}

function quotaOf(provider: string, limits: RateLimits, holder?: string): Quota {
  return { scope: 'provider', subject: provider, name: provider, holder, limits }
}
