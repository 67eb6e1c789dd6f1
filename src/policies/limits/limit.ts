import type { Call } from '../../domain/call.ts'
import type { Trailers } from '../../domain/call-record.ts'
import type { Policy } from '../../domain/chain.ts'
import { estimateTokens } from '../../domain/estimate.ts'
import type { Authenticated, Planned } from '../../domain/facts.ts'
import { follow } from '../../domain/follow.ts'
import type { LimitStatus, Quota, RateLimits } from '../../domain/limits.ts'
import { counted, type LimitParts, refusalOf, Settlement } from './limited.ts'

/** The limits that hold before a provider is chosen, beside those that each caller has. */
export interface CallLimits {
  /** Of each address. */
  readonly address?: RateLimits | undefined
  /** Of each `user_id` of a caller. */
  readonly user?: RateLimits | undefined
  readonly aliases: ReadonlyMap<string, RateLimits>
}

/** Refuses calls beyond the limits of their caller, address, user and alias. Each call tells how the nearest stands. */
export function limit(parts: LimitParts, limits: CallLimits): Policy<Call & Authenticated & Planned> {
  return (next) => (call) => {
    const quotas = quotasOf(call, limits)
    if (quotas.length === 0) return next(call)
    const { record, requestId } = call.context
    const counting = { id: requestId, quotas, tokens: tokensOf(call, quotas), call }
    return counted(parts, counting, (reservation) => {
      if (reservation.limitStatus) record.trailers = trailersOf(reservation.limitStatus)
      if (reservation.refusal && !parts.shadow) throw refusalOf(reservation.refusal)
      return follow(next, call, new Settlement(record, reservation))
    })
  }
}

function quotasOf({ caller, context, request, targets }: Call & Authenticated & Planned, limits: CallLimits): Quota[] {
  const quotas: Quota[] = []
  if (caller.limits) {
    const subject = caller.anonymous ? hostOf(context.peer) : caller.name
    quotas.push({ scope: 'caller', subject, limits: caller.limits })
  }
  if (limits.address) quotas.push({ scope: 'address', subject: hostOf(context.peer), limits: limits.address })
  // Callers name their users as they like: one must not use up what is another's.
  if (limits.user && request.userId) {
    quotas.push({ scope: 'user', subject: `${caller.name}/${request.userId}`, limits: limits.user })
  }
  const alias = targets[0]?.alias
  const ofAlias = alias === undefined ? undefined : limits.aliases.get(alias)
  if (alias !== undefined && ofAlias) quotas.push({ scope: 'alias', subject: alias, limits: ofAlias })
  return quotas
}

/** 0 where nobody counts them. */
function tokensOf({ request, targets }: Call & Planned, quotas: readonly Quota[]): number {
  const isCounted = quotas.some(({ limits }) => limits.tokens !== undefined)
  return isCounted ? estimateTokens(request, targets[0]?.defaults.maxTokens) : 0
}

/** The address of a peer, without its port. */
function hostOf(peer: string): string {
  const host = peer.slice(0, peer.lastIndexOf(':'))
  return host.startsWith('::ffff:') ? host.slice('::ffff:'.length) : host
}

/** https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-05.html */
function trailersOf({ limit, remaining, reset }: LimitStatus): Trailers {
  return {
    'ratelimit-limit': String(limit),
    'ratelimit-remaining': String(remaining),
    'ratelimit-reset': String(Math.ceil(reset / 1000)),
  }
}
