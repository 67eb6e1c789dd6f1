import type { Config } from '../config/config.ts'
import type { Clock } from '../domain/clock.ts'
import type { AuditTrail } from '../domain/ports/money/ledger-books.ts'
import type { OperatorEventSubscriber } from '../domain/ports/operations/operator-events.ts'
import { RedisLimiter } from '../stores/limits/redis-limiter.ts'
import type { Alerts } from '../telemetry/alerts/alerts.ts'
import { ErrorRates } from '../telemetry/alerts/error-rates.ts'
import { observeLedger } from '../telemetry/metrics/ledger-metrics.ts'
import { observeBudgets } from '../telemetry/metrics/observe-budgets.ts'
import { observeGates } from '../telemetry/metrics/observe-limits.ts'
import { observeRedis, observeRedisLimiter } from '../telemetry/metrics/redis-metrics.ts'
import { createTelemetry, type GatewayTelemetry } from '../telemetry/telemetry.ts'
import { startTracing, type Tracing } from '../telemetry/tracing/otel.ts'
import { startAlerts } from './alerts.ts'
import type { Environment, Parts } from './build.ts'

export interface Observed {
  readonly telemetry: GatewayTelemetry
  readonly alerts: Alerts
  /** Undefined when no traces are sent. */
  readonly tracing: Tracing | undefined
}

/** Keeps a row of each admin call. */
function auditIn(trail: AuditTrail, clock: Clock): OperatorEventSubscriber {
  return {
    adminCall(method, { requestId: callId, record: { caller }, peer }, reason, subject) {
      trail.audit({ time: clock.wall(), callId, caller, peer, method, subject, reason })
    },
  }
}

/** Starts what counts, logs and traces the calls, and observes the parts. */
export async function observe(config: Config, parts: Parts, { clock, log, version }: Environment): Promise<Observed> {
  const { events, redis, ledger, budgets, providers, limiter, cacheStore, gates, circuits, locks, loopDelay } = parts
  const { otlpEndpoint: endpoint, sampleRatio, trustSampled, propagateToVendors } = config.telemetry
  const tracing = endpoint === undefined ? undefined : await startTracing({ endpoint, version, clock })
  const [primaryProvider = '', ...fallbackProviders] = config.priority
  const errorRates = new ErrorRates(clock, config.alerts.errorRate, events)
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
    trustSampled,
    propagateToVendors,
    onAttempt: (provider, ok) => errorRates.record(provider, ok),
    cache: config.cache && cacheStore && { store: cacheStore, ttl: config.cache.rules.ttl },
  })
  events.subscribe(telemetry.operatorEvents)
  if (ledger?.books) events.subscribe(auditIn(ledger.books, clock))
  observeGates(telemetry.metrics, gates)
  if (ledger) {
    observeLedger(
      telemetry.metrics,
      () => ledger.state().healthy,
      () => ledger.counts,
    )
  }
  if (budgets) observeBudgets(telemetry.metrics, budgets.index.rules, budgets.budgets)
  if (redis) observeRedis(telemetry.metrics, redis)
  if (limiter instanceof RedisLimiter) observeRedisLimiter(telemetry.metrics, limiter)
  const alerts = await startAlerts(config, parts, { clock, log, metrics: telemetry.metrics, errorRates })
  return { telemetry, alerts, tracing }
}
