import type { Clock } from '../domain/clock.ts'
import type { Breakers } from '../domain/ports/breakers.ts'
import type { CacheStore } from '../domain/ports/cache.ts'
import type { OperatorEventSubscriber, OperatorEvents } from '../domain/ports/operations/operator-events.ts'
import type { StatsSource } from '../domain/ports/operations/stats.ts'
import type { Telemetry } from '../domain/ports/operations/telemetry.ts'
import type { SafetyLockSource } from '../domain/ports/safety-locks.ts'
import { CallRecorder, type RecorderParts } from './call-recorder.ts'
import { logCalls } from './log/call-line.ts'
import type { Log } from './log/log.ts'
import { CacheCounts } from './metrics/cache-counts.ts'
import { CallCounts } from './metrics/call-counts.ts'
import { createHttpMetrics, type RecordHttp } from './metrics/http-metrics.ts'
import { instruments } from './metrics/instruments.ts'
import { Metrics } from './metrics/metrics.ts'
import { observeKeys, observeLocks } from './metrics/observe-limits.ts'
import { countOperatorEvents } from './metrics/operator-metrics.ts'
import { type ObservedProvider, TargetSeriesTable } from './metrics/target-series-table.ts'
import { Stats, type Summary } from './stats.ts'
import type { Tracing } from './tracing/otel.ts'
import type { Server } from './tracing/spans.ts'
import { isSampled } from './tracing/traceparent.ts'

export interface TelemetryOptions {
  readonly clock: Clock
  /** From 0 up to 1. */
  readonly random: () => number
  readonly log: Log
  /** Receives what telemetry itself finds out. */
  readonly events: Pick<OperatorEvents, 'priceMissing'>
  readonly providers: readonly ObservedProvider[]
  /** The configured targets, as `provider/model`. */
  readonly targets?: readonly string[]
  readonly breakers: Breakers
  /** Shown in the statistics. */
  readonly summary: Summary
  /** Shown in the statistics and in metrics. */
  readonly locks?: SafetyLockSource
  /** Destination of spans. Without it there are none. */
  readonly tracing?: Pick<Tracing, 'tracer' | 'dropped'> | undefined
  /** Delay of the event loop, in ms. */
  readonly loopDelay?: () => number
  /** Share of calls that are traced, 0 to 1. Default: 0. */
  readonly sampleRatio?: number | undefined
  /** Whether the trace context of a caller decides instead, where there is one. Default: false. */
  readonly trustSampled?: boolean
  /** Whether vendors receive the trace context of calls. Default: false. */
  readonly propagateToVendors?: boolean
  /** Called for each attempt that shows how its provider works: a success, or a failure that is evidence about it. */
  readonly onAttempt?: (provider: string, ok: boolean) => void
  /** The cache, and its default time to live in ms. */
  readonly cache?: { readonly store: Pick<CacheStore, 'size'>; readonly ttl: number } | undefined
}

export interface GatewayTelemetry extends Telemetry {
  /** For the Prometheus page. */
  readonly metrics: Metrics
  /** Counts the events that metrics show. */
  readonly operatorEvents: OperatorEventSubscriber
  readonly stats: StatsSource
  readonly recordHttp: RecordHttp
  /** Undefined when there is no cache. */
  readonly cache: CacheCounts | undefined
  /** Counts a refusal by a server. Both names are of a bounded set. */
  readonly recordRefusal: (server: 'grpc' | 'http' | 'health', refusal: string) => void
}

/** Counts, logs and traces every call. */
export function createTelemetry(options: TelemetryOptions): GatewayTelemetry {
  const { clock, random, log, events, providers, breakers, tracing, loopDelay, targets = [], sampleRatio = 0 } = options
  const { trustSampled = false, propagateToVendors = false } = options
  const metrics = new Metrics(clock)
  const table = new TargetSeriesTable(metrics, providers, targets, options.onAttempt)
  const counts = new CallCounts(metrics, table)
  const cache = options.cache && new CacheCounts(metrics, options.cache.store, options.cache.ttl)
  metrics.observe(instruments.logLinesDropped, {}, () => log.dropped())
  if (tracing) metrics.observe(instruments.spansDropped, {}, () => tracing.dropped())
  observeKeys(metrics, providers)
  if (options.locks) observeLocks(metrics, options.locks)
  if (loopDelay) metrics.observe(instruments.loopDelay, {}, () => loopDelay() / 1000)
  const stats = new Stats(clock, table, options.summary, { breakers, cache, locks: options.locks })
  const tracer = tracing?.tracer
  const parts: RecorderParts = {
    clock,
    events,
    table,
    counts,
    observers: [counts, stats, logCalls(log)],
    tracer,
    servers: new Map(providers.map((provider) => [provider.name, serverOf(provider)])),
    // Decided before any span exists: creating one costs more than all counting of a call.
    samples: (remote) => tracer !== undefined && (remote && trustSampled ? isSampled(remote) : random() < sampleRatio),
    propagates: propagateToVendors,
  }
  return {
    metrics,
    operatorEvents: countOperatorEvents(metrics, table, targets),
    stats,
    recordHttp: createHttpMetrics(metrics),
    cache,
    recordRefusal: (server, refusal) => metrics.counter(instruments.refused, { door: server, refusal }).value++,
    begin: (call) => new CallRecorder(parts, call),
  }
}

function serverOf({ genAiName, baseUrl }: ObservedProvider): Server {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined
  const port = url?.port ? Number(url.port) : url?.protocol === 'http:' ? 80 : 443
  return { genAiName, address: url?.hostname ?? '', port }
}
