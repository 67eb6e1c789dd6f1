import type { Config } from '../config/config.ts'
import { RedisLimiter } from '../stores/limits/redis-limiter.ts'
import { observeGates } from '../telemetry/metrics/observe-limits.ts'
import { observeRedis, observeRedisLimiter } from '../telemetry/metrics/redis-metrics.ts'
import { createTelemetry, type GatewayTelemetry } from '../telemetry/telemetry.ts'
import { startTracing, type Tracing } from '../telemetry/tracing/otel.ts'
import type { Environment, Parts } from './build.ts'

export interface Observed {
  readonly telemetry: GatewayTelemetry
  /** Undefined when no traces are sent. */
  readonly tracing: Tracing | undefined
}

/** Starts what counts, logs and traces the calls, and observes the parts. */
export async function observe(config: Config, parts: Parts, { clock, log, version }: Environment): Promise<Observed> {
  const { events, redis, providers, limiter, cacheStore, gates, circuits, locks, loopDelay } = parts
  const { otlpEndpoint: endpoint, sampleRatio } = config.telemetry
  const tracing = endpoint === undefined ? undefined : await startTracing({ endpoint, version, clock })
  const [primaryProvider = '', ...fallbackProviders] = config.priority
  const telemetry = createTelemetry({
    clock,
    random: Math.random,
    log,
    events,
    providers,
    targets: [
      ...config.models.flatMap(({ targets }) => targets.map(({ target }) => target)),
      ...Object.values(config.safetyLocks),
    ],
    breakers: circuits,
    locks,
    summary: {
      primaryProvider,
      fallbackProviders,
      cacheEnabled: cacheStore !== undefined,
      strategies: Object.fromEntries(config.models.map(({ name, strategy = 'priority' }) => [name, strategy])),
    },
    tracing,
    loopDelay: () => loopDelay.current,
    sampleRatio,
    cache: config.cache && cacheStore && { store: cacheStore, ttl: config.cache.rules.ttl },
  })
  events.subscribe(telemetry.operatorEvents)
  observeGates(telemetry.metrics, gates)
  if (redis) observeRedis(telemetry.metrics, redis)
  if (limiter instanceof RedisLimiter) observeRedisLimiter(telemetry.metrics, limiter)
  return { telemetry, tracing }
}
