import type { CacheConfig, Config } from '../config/config.ts'
import { systemClock } from '../domain/clock.ts'
import type { CacheStore } from '../domain/ports/cache.ts'
import type { Limiter } from '../domain/ports/limiter.ts'
import type { OperatorEvents } from '../domain/ports/operator-events.ts'
import type { Provider } from '../domain/ports/provider.ts'
import { providerNamed } from '../domain/provider-named.ts'
import { splitTarget } from '../domain/text/target-name.ts'
import type { Gates } from '../policies/admission/admit.ts'
import { ConcurrencyGate } from '../policies/admission/concurrency-gate.ts'
import { SafetyLocks } from '../policies/routing/safety-locks.ts'
import { createProvider } from '../providers/create.ts'
import type { ConcurrencyLimit } from '../providers/define.ts'
import { loadPrices } from '../providers/prices/price-list.ts'
import { createPriceTable } from '../providers/prices/price-table.ts'
import { HybridCache, NEAR_TTL } from '../stores/cache/hybrid-cache.ts'
import { MemoryCache } from '../stores/cache/memory-cache.ts'
import { RedisCache } from '../stores/cache/redis-cache.ts'
import { MemoryLimiter } from '../stores/limits/memory-limiter.ts'
import { RedisLimiter } from '../stores/limits/redis-limiter.ts'
import type { Broadcast } from '../stores/redis/broadcast.ts'
import type { RedisStore } from '../stores/redis/redis-store.ts'
import type { Metrics } from '../telemetry/metrics/metrics.ts'
import { observeRedisLimiter } from '../telemetry/metrics/redis-metrics.ts'

/*
 * The parts that a configuration asks for.
 */

/** The configuration has seen to it that there is a Redis where one is needed. */
export function createCache(
  { strategy, maxEntries, maxBytes }: CacheConfig,
  redis: RedisStore | undefined,
  broadcast: Broadcast | undefined,
): CacheStore {
  const clock = systemClock
  if (strategy === 'memory' || !redis || !broadcast) return new MemoryCache({ clock, maxEntries, maxBytes })
  const far = new RedisCache({ store: redis, clock })
  if (strategy === 'redis') return far
  const near = new MemoryCache({ clock, maxEntries, maxBytes, maxTtl: NEAR_TTL })
  return new HybridCache({ near, far, broadcast, clock })
}

export async function createProviders(config: Config, events: OperatorEvents): Promise<Provider[]> {
  // The price list takes 20 MB: nobody pays for it who does not need it.
  const list = config.providers.some(({ kind }) => kind.prices) ? await loadPrices() : undefined
  const prices = createPriceTable({ clock: systemClock, overrides: config.prices, list })
  return config.providers.map((settings) =>
    createProvider(settings, {
      clock: systemClock,
      proxy: config.proxy,
      prices,
      events,
    }),
  )
}

/** Counts in memory, or in Redis with a share of it in memory for the time that Redis is in trouble. */
export function createLimiter({ limits }: Config, redis: RedisStore | undefined, metrics: Metrics): Limiter {
  if (limits.store === 'memory' || !redis) {
    return new MemoryLimiter({ clock: systemClock })
  }
  const local = new MemoryLimiter({ clock: systemClock, share: 1 / limits.replicas })
  const limiter = new RedisLimiter({
    store: redis,
    clock: systemClock,
    local: limits.onRedisTrouble === 'local' ? local : undefined,
  })
  observeRedisLimiter(metrics, limiter)
  return limiter
}

export function createLocks(config: Config, providers: readonly Provider[], events: OperatorEvents): SafetyLocks {
  const spares = Object.entries(config.safetyLocks).flatMap(([provider, target]) => {
    const { provider: name, model } = splitTarget(target)
    const spare = providerNamed(providers, name)
    return spare ? [{ provider, target: { provider: spare, model, defaults: config.defaults } }] : []
  })
  return new SafetyLocks({
    clock: systemClock,
    spares,
    events,
  })
}

export function createGates({ server, providers }: Config): Gates {
  const gate = ({ most, queue }: ConcurrencyLimit) => new ConcurrencyGate({ clock: systemClock, limit: most, queue })
  const bounded = providers.flatMap(({ name, concurrency }) =>
    concurrency ? [[name, gate(concurrency)] as const] : [],
  )
  return { providers: new Map(bounded), process: server.concurrency && gate(server.concurrency) }
}
