import type { Call } from '../../domain/calls/call.ts'
import type { Trailers } from '../../domain/calls/call-record.ts'
import type { Authenticated, Planned } from '../../domain/calls/facts.ts'
import type { Policy } from '../../domain/chain.ts'
import { holderOf } from '../../domain/limits/holder.ts'
import type { LimitStatus, Quota, RateLimits } from '../../domain/limits/limits.ts'
import { follow } from '../../domain/streams/follow.ts'
import { holderOfPeer } from '../../domain/text/address-holder.ts'
import { counted, type LimitParts, refusalOf, reservedTokens, Settlement } from './limited.ts'

/** Limits that apply before a provider is chosen, beside those of each caller. */
export interface CallLimits {
  /** For each client address. */
  readonly address?: RateLimits | undefined
  /** For each `user_id` of a caller. */
  readonly user?: RateLimits | undefined
  readonly aliases: ReadonlyMap<string, RateLimits>
}

type Needs = Call & Authenticated & Planned

/** Refuses calls beyond the limits of their caller, address, user and alias. Trailers report the nearest limit. */
export function limit(parts: LimitParts, limits: CallLimits): Policy<Needs> {
  return limiting(parts, (call) => quotasOf(call, limits))
}

/** The same for a call that is made for another one, which waits for it and counts as the one under way. */
export function limitSideCall(parts: LimitParts, limits: CallLimits): Policy<Needs> {
  return limiting(parts, (call) => quotasOf(call, limits).map(withoutConcurrent))
}

function limiting(parts: LimitParts, quotasFor: (call: Needs) => readonly Quota[]): Policy<Needs> {
  return (next) => (call) => {
    const quotas = quotasFor(call)
    if (quotas.length === 0) return next(call)
    const { record, requestId } = call.context
    const counting = { id: requestId, quotas, tokens: tokensOf(call, quotas), call }
    return counted(parts, counting, (reservation) => {
      if (reservation.limitStatus) record.trailers = trailersOf(reservation.limitStatus)
      if (reservation.refusal && !parts.shadow) throw refusalOf(reservation.refusal)
      return follow(next, call, new Settlement(call, reservation))
    })
  }
}

function quotasOf(call: Needs, limits: CallLimits): Quota[] {
  const { caller, context, request, targets } = call
  const quotas: Quota[] = []
  if (!caller.limits && !limits.address && !limits.user && limits.aliases.size === 0) return quotas
  const address = holderOfPeer(context.peer)
  const holder = holderOf(call)
  if (caller.limits) {
    const name = caller.anonymous ? address : caller.name
    quotas.push({ scope: 'caller', subject: holder, name, limits: caller.limits })
  }
  if (limits.address) quotas.push({ scope: 'address', subject: address, name: address, holder, limits: limits.address })
  // Callers choose the ids of their users: one caller must not use up the limit of another's user.
  if (limits.user && request.userId) {
    const subject = `${caller.id}/${request.userId}`
    quotas.push({ scope: 'user', subject, name: `${caller.name}/${request.userId}`, limits: limits.user })
  }
  const alias = targets[0]?.alias
  const ofAlias = alias === undefined ? undefined : limits.aliases.get(alias)
  if (alias !== undefined && ofAlias)
    quotas.push({ scope: 'alias', subject: alias, name: alias, holder, limits: ofAlias })
  return quotas
}

/** The other call has no place among those of this one's alias. */
function withoutConcurrent(quota: Quota): Quota {
  if (quota.scope === 'alias') return quota
  const { concurrent: _, ...limits } = quota.limits
  return { ...quota, limits }
}

/** 0 when no limit counts tokens. */
function tokensOf(call: Call & Planned, quotas: readonly Quota[]): number {
  const isCounted = quotas.some(({ limits }) => limits.tokens !== undefined)
  return isCounted ? reservedTokens(call, call.targets) : 0
}

/** https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-05.html */
function trailersOf({ limit, remaining, reset }: LimitStatus): Trailers {
  return {
    'ratelimit-limit': String(limit),
    'ratelimit-remaining': String(remaining),
    'ratelimit-reset': String(Math.ceil(reset / 1000)),
  }
}
