import type { Span, SpanContext, Tracer } from '@opentelemetry/api'
import type { Call, Operation } from '../domain/call.ts'
import type { AttemptRecord } from '../domain/call-record.ts'
import type { Clock } from '../domain/clock.ts'
import type { GatewayError } from '../domain/error.ts'
import type { AnyEvent } from '../domain/events.ts'
import type { Breakers } from '../domain/ports/breakers.ts'
import type { CacheStore } from '../domain/ports/cache.ts'
import type { OperatorEventSubscriber } from '../domain/ports/operator-events.ts'
import type { SafetyLockSource } from '../domain/ports/safety-locks.ts'
import type { StatsSource } from '../domain/ports/stats.ts'
import type { AttemptTelemetry, CallTelemetry, Telemetry } from '../domain/ports/telemetry.ts'
import { AttemptOutcome } from '../domain/types.ts'
import { type AttemptParent, AttemptRecorder, knownReason } from './attempt-recorder.ts'
import { CacheCounts } from './cache-counts.ts'
import { CallCounts } from './call-counts.ts'
import { callLine, levelOf } from './log/call-line.ts'
import type { Log } from './log/log.ts'
import { createHttpMetrics, type RecordHttp } from './metrics/http-metrics.ts'
import { instruments } from './metrics/instruments.ts'
import { Metrics } from './metrics/metrics.ts'
import { observeKeys, observeLocks } from './metrics/observe-limits.ts'
import { countOperatorEvents } from './metrics/operator-metrics.ts'
import { outcomeNames } from './names.ts'
import { Stats, type Summary } from './stats.ts'
import type { Tracing } from './tracing/otel.ts'
import { endCallSpan, type Finish, type Server, startAttemptSpan, startCallSpan } from './tracing/spans.ts'
import { formatTraceparent, isSampled, parseTraceparent } from './tracing/traceparent.ts'
import { type ObservedProvider, type TargetSeries, TargetSeriesTable } from './upstreams.ts'

export interface TelemetryOptions {
  readonly clock: Clock
  /** From 0 up to 1. */
  readonly random: () => number
  readonly log: Log
  readonly providers: readonly ObservedProvider[]
  /** The configured targets, as `provider/model`. */
  readonly targets?: readonly string[]
  readonly breakers: Breakers
  /** Shown in the statistics. */
  readonly summary: Summary
  /** Shown in the statistics and in metrics. */
  readonly locks?: SafetyLockSource
  /** Where spans go. Without it there are none. */
  readonly tracing?: Pick<Tracing, 'tracer' | 'dropped'> | undefined
  /** How late the event loop is, in ms. */
  readonly loopDelay?: () => number
  /** The share of calls that are traced, 0 to 1, where the caller has not decided. Default 0. */
  readonly sampleRatio?: number | undefined
  /** What is kept of answers, and how long by default, in ms. */
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
  /** Counts what a door refused. Both names are of a bounded set. */
  readonly recordRefusal: (server: 'grpc' | 'http', refusal: string) => void
}

/** Counts, logs and traces every call. */
export function createTelemetry(options: TelemetryOptions): GatewayTelemetry {
  const { clock, random, log, providers, breakers, tracing, loopDelay, targets = [], sampleRatio = 0 } = options
  const metrics = new Metrics(clock)
  const upstreams = new TargetSeriesTable(metrics, providers, targets)
  const counts = new CallCounts(metrics)
  const cache = options.cache && new CacheCounts(metrics, options.cache.store, options.cache.ttl)
  metrics.observe(instruments.logLinesDropped, {}, () => log.dropped())
  if (tracing) metrics.observe(instruments.spansDropped, {}, () => tracing.dropped())
  observeKeys(metrics, providers)
  if (options.locks) observeLocks(metrics, options.locks)
  if (loopDelay) metrics.observe(instruments.loopDelay, {}, () => loopDelay() / 1000)
  const tracer = tracing?.tracer
  const house: House = {
    clock,
    log,
    upstreams,
    counts,
    tracer,
    servers: new Map(providers.map((provider) => [provider.name, serverOf(provider)])),
    // Before any span is built: building one costs more than all counting of a call.
    samples: (remote) => tracer !== undefined && (remote ? isSampled(remote) : random() < sampleRatio),
  }
  return {
    metrics,
    operatorEvents: countOperatorEvents(metrics, upstreams, targets),
    stats: new Stats(clock, upstreams, counts, options.summary, { breakers, cache, locks: options.locks }),
    recordHttp: createHttpMetrics(metrics),
    cache,
    recordRefusal: (server, refusal) => metrics.counter(instruments.refused, { door: server, refusal }).value++,
    begin: (call) => new CallRecorder(house, call),
  }
}

interface House {
  readonly clock: Clock
  readonly log: Log
  readonly upstreams: TargetSeriesTable
  readonly counts: CallCounts
  readonly tracer: Tracer | undefined
  readonly servers: ReadonlyMap<string, Server>
  samples(remote: SpanContext | undefined): boolean
}

class CallRecorder implements CallTelemetry, AttemptParent {
  readonly operation: Operation
  readonly streamed: boolean
  readonly #house: House
  readonly #call: Call
  /** The caller's trace. */
  readonly #remote: SpanContext | undefined
  readonly #span: Span | undefined
  #firstEventAt: number | undefined
  #finish: Finish | undefined
  /** For providers, in ms. */
  #waited = 0
  /** Time spent waiting for a turn, in ms. */
  #queued = 0
  #countedAttempts: AttemptRecord[] = []

  constructor(house: House, call: Call) {
    this.#house = house
    this.#call = call
    this.operation = call.operation
    this.streamed = call.streamed
    house.counts.begin(call.operation)
    const header = call.context.header('traceparent')
    this.#remote = header === undefined ? undefined : parseTraceparent(header)
    this.#span =
      house.tracer && house.samples(this.#remote) ? startCallSpan(house.tracer, call, this.#remote) : undefined
  }

  attempt(attempt: AttemptRecord): AttemptTelemetry {
    const { clock, upstreams, tracer, servers } = this.#house
    let span: Span | undefined
    if (tracer && this.#span) {
      span = startAttemptSpan(tracer, this.#call, attempt, servers.get(attempt.provider), this.#span)
    }
    const context = span ? span.spanContext() : this.#remote
    const traceparent = context ? formatTraceparent(context) : undefined
    return new AttemptRecorder(clock, upstreams, this, attempt, span, traceparent)
  }

  retried(): void {
    this.#house.counts.retries.value++
  }

  queued(ms: number): void {
    this.#queued += ms
  }

  priceMissing(series: TargetSeries): void {
    if (series.priceMissing.value++ > 0) return
    const { provider, model } = series
    this.#house.log.warn('The model has no price, so its cost is not counted. Set one under prices.', {
      provider,
      model,
    })
  }

  attemptEnded(attempt: AttemptRecord, waited: number): void {
    this.#countedAttempts.push(attempt)
    this.#waited += waited
  }

  event({ event }: AnyEvent): void {
    if (event.case === 'finish') this.#finish = event.value
    else if (this.streamed && this.#firstEventAt === undefined && event.case !== 'start') {
      this.#firstEventAt = this.#house.clock.now()
    }
  }

  end(error?: GatewayError): void {
    const { record } = this.#call.context
    const now = this.#house.clock.now()
    const latency = now - record.arrivedAt
    const timeToFirstToken = this.#firstEventAt === undefined ? undefined : this.#firstEventAt - record.arrivedAt
    const overhead = Math.max(0, (timeToFirstToken ?? latency) - this.#waited - this.#queued) / 1000
    this.#house.counts.end(this.operation, overhead, record.fallbackUsed, error)
    this.#countUpstream(latency / 1000, error)
    if (this.#span) this.#endSpan(this.#span, error)
    this.#log(latency, timeToFirstToken, error)
  }

  #endSpan(span: Span, error: GatewayError | undefined): void {
    const last = this.#call.context.record.attempts.at(-1)
    const server = last && this.#house.servers.get(last.provider)
    endCallSpan(span, last, server, this.#finish, error)
  }

  #countUpstream(seconds: number, error: GatewayError | undefined): void {
    const { upstreams } = this.#house
    const { attempts } = this.#call.context.record
    for (const attempt of attempts) {
      if (attempt.outcome !== AttemptOutcome.SKIPPED || this.#countedAttempts.includes(attempt)) continue
      const upstream = upstreams.find(attempt.provider, attempt.model, false)
      upstream.outcome(outcomeNames[attempt.outcome], knownReason(attempt.reason)).value++
    }
    const route = this.#finish?.route
    const known = route?.cached === true ? route : undefined
    const last = known ?? attempts.at(-1)
    const upstream = last ? upstreams.find(last.provider, last.model, false) : upstreams.none
    const series = upstream.of(this.operation)
    upstream.calls.value++
    const latency = known ? upstream.cachedLatency : upstream.latency
    latency.record(seconds)
    series.calls(error ? error.code : 'OK').value++
    series.duration.record(seconds)
  }

  #log(latency: number, timeToFirstToken: number | undefined, error: GatewayError | undefined): void {
    const level = levelOf(error)
    if (!this.#house.log.writes(level)) return
    const usage = this.#finish?.usage ?? this.#call.context.record.usage()
    const traceId = (this.#span?.spanContext() ?? this.#remote)?.traceId
    const ended = { call: this.#call, error, finish: this.#finish, usage, traceId, latency, timeToFirstToken }
    this.#house.log.line(level, callLine(ended))
  }
}

function serverOf({ genAiName, baseUrl }: ObservedProvider): Server {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined
  const port = url?.port ? Number(url.port) : url?.protocol === 'http:' ? 80 : 443
  return { genAiName, address: url?.hostname ?? '', port }
}
