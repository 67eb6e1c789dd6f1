/** Limits in a time window. What is absent is not limited. */
export interface RateLimits {
  /** Most calls in a window. */
  readonly requests?: number
  /** Most input and output tokens in a window. */
  readonly tokens?: number
  /** Most calls under way at once. */
  readonly concurrent?: number
  /** Length of the window in ms. A window begins with the first call counted in it. */
  readonly window: number
}

export type LimitKind = 'requests' | 'tokens' | 'concurrent'

/** What a limit applies to. */
export type LimitScope = 'caller' | 'address' | 'user' | 'alias' | 'provider'

/** Limits of one caller, address, user, alias or provider, which a call counts against. */
export interface Quota {
  readonly scope: LimitScope
  /** Id of the caller, address, user, alias or provider. */
  readonly subject: string
  /** The subject as callers read it. */
  readonly name: string
  readonly limits: RateLimits
  /** Whose call it is, where callers share the limits. */
  readonly holder?: string | undefined
}

/** State of one limit. */
export interface LimitStatus {
  readonly quota: Quota
  readonly kind: LimitKind
  readonly limit: number
  /** What is left of the limit, at least 0. */
  readonly remaining: number
  /** Time until the window ends, in ms; for calls under way, when it is worth trying again. */
  readonly reset: number
}

/** Counts of one subject. */
export interface Count {
  /** Start of its window, in ms. */
  readonly start: number
  readonly requests: number
  readonly tokens: number
  /** Calls under way. */
  readonly active: number
}

/** Suggested wait for a free place in ms; when one is free is not known. */
const TRY_AGAIN = 1_000

/** A replica's share of the limits, for replicas that cannot coordinate. At least 1 of each limit. */
export function shareOf(limits: RateLimits, share: number): RateLimits {
  if (share === 1) return limits
  const part = (limit: number) => Math.max(1, Math.floor(limit * share))
  return {
    window: limits.window,
    ...(limits.requests !== undefined && { requests: part(limits.requests) }),
    ...(limits.tokens !== undefined && { tokens: part(limits.tokens) }),
    ...(limits.concurrent !== undefined && { concurrent: part(limits.concurrent) }),
  }
}

/** `own` over `general`, limit by limit. */
export function overriding(
  own: Partial<RateLimits> | undefined,
  general: RateLimits | undefined,
): RateLimits | undefined {
  if (!own || !general) return own ? { window: DEFAULT_WINDOW, ...own } : general
  return { ...general, ...own }
}

/** Default length of a window in ms. */
export const DEFAULT_WINDOW = 60_000

/**
 * Most tokens that the running calls of one holder take from all others: half of a limit that they share. Also the most
 * that one call reserves of it.
 */
export function shareOfTokens({ limits, holder }: Quota): number {
  const { tokens } = limits
  if (tokens === undefined) return 0
  return holder === undefined ? tokens : Math.max(1, Math.floor(tokens / 2))
}

/** Tokens that a call reserves. A call larger than the whole limit needs a window in which nothing was used. */
export function reserved(quota: Quota, tokens: number): number {
  return Math.min(tokens, shareOfTokens(quota))
}

/** The limit that one more call would exceed. */
export function reached(quota: Quota, count: Count, tokens: number): LimitKind | undefined {
  const { limits } = quota
  if (limits.requests !== undefined && count.requests >= limits.requests) return 'requests'
  if (limits.tokens !== undefined && count.tokens + reserved(quota, tokens) > limits.tokens) return 'tokens'
  if (limits.concurrent !== undefined && count.active >= limits.concurrent) return 'concurrent'
  return undefined
}

/** Status of one limit for these counts. */
export function limitStatus(quota: Quota, kind: LimitKind, count: Count, now: number): LimitStatus {
  const limit = quota.limits[kind] ?? 0
  const used = kind === 'concurrent' ? count.active : count[kind]
  const reset = kind === 'concurrent' ? TRY_AGAIN : Math.max(0, count.start + quota.limits.window - now)
  return { quota, kind, limit, remaining: Math.max(0, limit - used), reset }
}

const kinds: readonly LimitKind[] = ['requests', 'tokens', 'concurrent']

/** The limit that is reported to callers: the nearest one of requests, else of tokens, else of calls under way. */
export function tightest(quotas: readonly Quota[], counts: readonly Count[], now: number): LimitStatus | undefined {
  for (const kind of kinds) {
    let nearest: LimitStatus | undefined
    for (let at = 0; at < quotas.length; at++) {
      const quota = quotas[at]
      const count = counts[at]
      if (!quota || !count || quota.limits[kind] === undefined) continue
      const found = limitStatus(quota, kind, count, now)
      if (!nearest || found.remaining / found.limit < nearest.remaining / nearest.limit) nearest = found
    }
    if (nearest) return nearest
  }
  return undefined
}
