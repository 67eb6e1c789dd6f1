import type { RateLimits } from '../../domain/limits/limits.ts'

/** Settings of the limits. */
export interface LimitSettings {
  readonly store: 'memory' | 'redis'
  /** What happens while Redis is unavailable: each gateway enforces its share, or every call is refused. */
  readonly onRedisTrouble: 'local' | 'refuse'
  /** Number of gateways that divide the limits among them while Redis is unavailable. */
  readonly replicas: number
  /** Whether limits are only counted and reported. */
  readonly shadow: boolean
  /** For each caller that has no limits of its own. */
  readonly caller: RateLimits | undefined
  readonly address: RateLimits | undefined
  readonly user: RateLimits | undefined
  readonly aliases: Readonly<Record<string, RateLimits>>
  readonly providers: Readonly<Record<string, RateLimits>>
}

export const defaultLimitSettings = { onRedisTrouble: 'local', replicas: 1, shadow: false } as const
