import type { Reach } from '../../calls/reach.ts'
import type { StatsResponse } from '../../types.ts'

/** Serves what has been counted. */
export interface StatsSource {
  /** Counts since the process started or since the last reset, of what `reach` lets a caller see. */
  snapshot(reach?: Reach): StatsResponse
  /** Restarts the counts at zero. Metrics are not affected. */
  reset(): void
  /** The last attempt that says something about the provider's health; undefined before the first. */
  lastAttempt(provider: string): LastAttempt | undefined
}

/** Outcome of a provider's last attempt. */
export interface LastAttempt {
  /** Whether the provider answered, or refused something that was the caller's fault. */
  readonly ok: boolean
  /** When it ended, on the monotonic clock, in ms. */
  readonly at: number
  /** Time to its first meaningful event or its whole response, in ms. */
  readonly latency: number
  /** Why it failed; empty when it did not. */
  readonly reason: string
  /** What went wrong and what to do, for operators; empty when it did not fail. */
  readonly message: string
}
