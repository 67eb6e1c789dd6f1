import type { Tracer } from '@opentelemetry/api'
// biome-ignore lint/suspicious/noDeprecatedImports: the package that replaces it needs Node 22
import type { tracing } from '@opentelemetry/sdk-node'
import type { Clock } from '../../domain/clock.ts'

/** Destination of spans. */
export interface Tracing {
  readonly tracer: Tracer
  /** Number of spans lost so far. */
  dropped(): number
  /** Sends the remaining spans. Settles within `shutdownTimeout`, even if the collector hangs, and never rejects. */
  shutdown(): Promise<void>
}

export interface TracingOptions {
  /** Full URL of an OTLP/HTTP collector of traces. */
  readonly endpoint: string
  readonly version: string
  readonly clock: Clock
  /** Time limit of `shutdown`, in ms. Default: 3,000. */
  readonly shutdownTimeout?: number
}

/** Spans that may wait to be sent; further ones are dropped and counted. */
const MAX_QUEUE = 2048
/** Attribute values are cut to this many characters. */
const MAX_VALUE_LENGTH = 256

/**
 * Sends spans to a collector in batches. Every span that is started is sent: sampling happens before.
 *
 * Uses the parts of the SDK instead of its `NodeSDK`, which registers itself for the whole process: two gateways must fit
 * in one process. The SDK is loaded here, because most gateways run without it and its memory.
 */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  const { endpoint, version, clock, shutdownTimeout = 3000 } = options
  const [{ tracing }, { OTLPTraceExporter }, { gatewayResource }] = await Promise.all([
    import('@opentelemetry/sdk-node'),
    import('@opentelemetry/exporter-trace-otlp-proto'),
    import('./resource.ts'),
  ])
  const { AlwaysOnSampler, BasicTracerProvider, BatchSpanProcessor } = tracing
  const exporter = new CountingExporter(new OTLPTraceExporter({ url: endpoint, timeoutMillis: shutdownTimeout }))
  const batches = new BatchSpanProcessor(exporter, {
    // Twice the limit, so that only `BoundedProcessor` drops spans, because it counts them.
    maxQueueSize: 2 * MAX_QUEUE,
    scheduledDelayMillis: 1000,
    exportTimeoutMillis: shutdownTimeout,
  })
  const processor = new BoundedProcessor(batches, exporter)
  const provider = new BasicTracerProvider({
    resource: gatewayResource(version),
    sampler: new AlwaysOnSampler(),
    spanLimits: { attributeValueLengthLimit: MAX_VALUE_LENGTH },
    spanProcessors: [processor],
  })
  return {
    tracer: provider.getTracer('llm-gateway', version),
    dropped: () => processor.dropped + exporter.dropped,
    shutdown: () => bounded(provider.shutdown(), shutdownTimeout, clock),
  }
}

/** Counts spans that the collector did not accept. */
class CountingExporter implements tracing.SpanExporter {
  readonly #exporter: tracing.SpanExporter
  exported = 0
  dropped = 0

  constructor(exporter: tracing.SpanExporter) {
    this.#exporter = exporter
  }

  export(...[spans, done]: Parameters<tracing.SpanExporter['export']>): void {
    this.exported += spans.length
    this.#exporter.export(spans, (result) => {
      if (result.error) this.dropped += spans.length
      done(result)
    })
  }

  async shutdown(): Promise<void> {
    await this.#exporter.shutdown()
  }
}

/** Drops spans when too many wait, and counts them. */
class BoundedProcessor implements tracing.SpanProcessor {
  readonly #next: tracing.SpanProcessor
  readonly #exporter: CountingExporter
  #accepted = 0
  dropped = 0

  constructor(next: tracing.SpanProcessor, exporter: CountingExporter) {
    this.#next = next
    this.#exporter = exporter
  }

  onStart(): void {}

  onEnd(span: tracing.ReadableSpan): void {
    if (this.#accepted - this.#exporter.exported >= MAX_QUEUE) {
      this.dropped++
      return
    }
    this.#accepted++
    this.#next.onEnd(span)
  }

  forceFlush(): Promise<void> {
    return this.#next.forceFlush()
  }

  shutdown(): Promise<void> {
    return this.#next.shutdown()
  }
}

/** Settles with `work`, even if it fails, or after `ms`. */
function bounded(work: Promise<void>, ms: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const stop = clock.after(ms, resolve)
    const done = () => {
      stop()
      resolve()
    }
    work.then(done, done)
  })
}
