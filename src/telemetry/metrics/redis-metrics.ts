import { instruments } from './instruments.ts'
import type { Metrics } from './metrics.ts'

interface ObservedStore {
  readonly available: boolean
  /** Commands without a good reply. */
  readonly failures: number
}

export function observeRedis(metrics: Metrics, store: ObservedStore): void {
  metrics.observe(instruments.redisUp, {}, () => (store.available ? 1 : 0))
  metrics.observe(instruments.redisFailures, {}, () => store.failures)
}

interface ObservedLimiter {
  /** Calls that were not counted in Redis. */
  readonly without: number
}

export function observeRedisLimiter(metrics: Metrics, limiter: ObservedLimiter): void {
  metrics.observe(instruments.limitsLocal, {}, () => limiter.without)
}
