import type { Call } from '../../domain/call.ts'
import type { Policy } from '../../domain/chain.ts'
import { estimateTokens } from '../../domain/estimate.ts'
import type { Routed } from '../../domain/facts.ts'
import { follow } from '../../domain/follow.ts'
import type { RateLimits } from '../../domain/limits.ts'
import { skipTarget } from '../routing/pass-over.ts'
import { counted, type LimitParts, refusalOf, Settlement } from './limited.ts'

/** Keeps attempts at a provider within its limits: a full one is passed over, as one that is out of order is. */
export function limitProvider(parts: LimitParts, limits: ReadonlyMap<string, RateLimits>): Policy<Call & Routed> {
  return (next) => (call) => {
    const { request, target, context } = call
    const { provider, model, defaults } = target
    const own = limits.get(provider.name)
    if (!own) return next(call)
    const { record, requestId } = context
    const quotas = [{ scope: 'provider', subject: provider.name, limits: own }] as const
    const tokens = own.tokens === undefined ? 0 : estimateTokens(request, defaults.maxTokens)
    // Each attempt counts.
    const id = `${requestId}:${record.attempts.length}`
    return counted(parts, { id, quotas, tokens, call }, (reservation) => {
      if (reservation.refusal && !parts.shadow) {
        const facts = { fallback: true, provider: provider.name, model }
        throw skipTarget(target, record, refusalOf(reservation.refusal, facts))
      }
      return follow(next, call, new Settlement(record, reservation))
    })
  }
}
