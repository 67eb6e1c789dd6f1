import type { Call } from '../../domain/call.ts'
import type { Policy } from '../../domain/chain.ts'
import type { Routed } from '../../domain/facts.ts'
import { follow } from '../../domain/follow.ts'
import type { RateLimits } from '../../domain/limits.ts'
import { skipTarget } from '../routing/skip-target.ts'
import { counted, type LimitParts, refusalOf, reservedTokens, Settlement } from './limited.ts'

/** Keeps attempts at a provider within its limits. A target whose provider is at its limit is skipped. */
export function limitProvider(parts: LimitParts, limits: ReadonlyMap<string, RateLimits>): Policy<Call & Routed> {
  return (next) => (call) => {
    const { target, context } = call
    const { provider, model, defaults } = target
    const own = limits.get(provider.name)
    if (!own) return next(call)
    const { record, requestId } = context
    const quotas = [{ scope: 'provider', subject: provider.name, limits: own }] as const
    const tokens = own.tokens === undefined ? 0 : reservedTokens(call, defaults.maxTokens)
    // Each attempt counts.
    const attempts = record.attempts.length
    const id = `${requestId}:${attempts}`
    return counted(parts, { id, quotas, tokens, call }, (reservation) => {
      if (reservation.refusal && !parts.shadow) {
        const facts = { fallback: true, provider: provider.name, model }
        throw skipTarget(call, refusalOf(reservation.refusal, facts))
      }
      return follow(next, call, new Settlement(record, reservation, attempts))
    })
  }
}
