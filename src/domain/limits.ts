/** How much may be asked for. What is absent is not limited. */
export interface RateLimits {
  /** Calls in a window. */
  readonly requests?: number
  /** Tokens in a window, those of prompts and answers together. */
  readonly tokens?: number
  /** Calls at once. */
  readonly concurrent?: number
  /** In ms. It begins with the first call that is counted in it. */
  readonly window: number
}

export type LimitKind = 'requests' | 'tokens' | 'concurrent'

/** What a limit is counted for. */
export type LimitScope = 'caller' | 'address' | 'user' | 'alias' | 'provider'

/** What a call counts against: the limits of one caller, address, user, alias or provider. */
export interface Quota {
  readonly scope: LimitScope
  /** Which one of them. */
  readonly subject: string
  readonly limits: RateLimits
}

/** How a limit stands. */
export interface LimitStatus {
  readonly quota: Quota
  readonly kind: LimitKind
  readonly limit: number
  /** Of the limit, not negative. */
  readonly remaining: number
  /** Until the window ends, in ms. Of calls at once: when it is worth trying again. */
  readonly reset: number
}

/** What is counted for one subject. */
export interface Count {
  /** When its window began, in ms. */
  readonly start: number
  readonly requests: number
  readonly tokens: number
  /** Calls that are under way. */
  readonly active: number
}

/** When a place may be free again, nobody knows: this is an advice, in ms. */
const TRY_AGAIN = 1_000

/** Part of the limits, for one of several gateways that cannot agree. Never none of what some may have. */
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

/** `own` before `general`, limit by limit. */
export function overriding(
  own: Partial<RateLimits> | undefined,
  general: RateLimits | undefined,
): RateLimits | undefined {
  if (!own || !general) return own ? { window: DEFAULT_WINDOW, ...own } : general
  return { ...general, ...own }
}

/** In ms. */
export const DEFAULT_WINDOW = 60_000

/** What a call reserves: one that is larger than the whole limit waits for a window in which nothing was used. */
export function reserved(limits: RateLimits, tokens: number): number {
  return limits.tokens === undefined ? 0 : Math.min(tokens, limits.tokens)
}

/** The limit that one more call would break. */
export function reached(limits: RateLimits, count: Count, tokens: number): LimitKind | undefined {
  if (limits.requests !== undefined && count.requests >= limits.requests) return 'requests'
  if (limits.tokens !== undefined && count.tokens + reserved(limits, tokens) > limits.tokens) return 'tokens'
  if (limits.concurrent !== undefined && count.active >= limits.concurrent) return 'concurrent'
  return undefined
}

/** How one limit stands with what is counted. */
export function limitStatus(quota: Quota, kind: LimitKind, count: Count, now: number): LimitStatus {
  const limit = quota.limits[kind] ?? 0
  const used = kind === 'concurrent' ? count.active : count[kind]
  const reset = kind === 'concurrent' ? TRY_AGAIN : Math.max(0, count.start + quota.limits.window - now)
  return { quota, kind, limit, remaining: Math.max(0, limit - used), reset }
}

const kinds: readonly LimitKind[] = ['requests', 'tokens', 'concurrent']

/** The limit that callers are told of: of requests where there is one, else of tokens, and the one that is nearest. */
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
