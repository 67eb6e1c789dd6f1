import type { Tracer } from '@opentelemetry/api'
// biome-ignore lint/suspicious/noDeprecatedImports: the package that replaces it needs Node 22
import type { tracing } from '@opentelemetry/sdk-node'
import type { Clock } from '../../domain/clock.ts'

/** Where spans go. */
export interface Tracing {
  readonly tracer: Tracer
  /** Spans that were lost so far. */
  dropped(): number
  /** Sends what is left. Settles within `shutdownTimeout`, whatever the collector does, and never rejects. */
  shutdown(): Promise<void>
}

export interface TracingOptions {
  /** The full URL where an OTLP/HTTP collector takes traces. */
  readonly endpoint: string
  readonly version: string
  readonly clock: Clock
  /** The most time to send what is left, in ms. Default 3,000. */
  readonly shutdownTimeout?: number
}

/** Spans that wait to be sent; further ones are dropped and counted. */
const longestQueue = 2048
/** Attribute values are cut to this many characters. */
const longestValue = 256

/**
 * Sends spans to a collector in batches. Every span that is started is sent: who starts one has decided to.
 *
 * It takes the parts of the SDK and not its `NodeSDK`, which registers itself for the whole process: two gateways must
 * fit in one.
 *
 * The SDK is loaded here because most gateways run without it and its memory.
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
    // Twice what may wait: the queue before it is the one that drops, because it counts.
    maxQueueSize: 2 * longestQueue,
    scheduledDelayMillis: 1000,
    exportTimeoutMillis: shutdownTimeout,
  })
  const processor = new BoundedProcessor(batches, exporter)
  const provider = new BasicTracerProvider({
    resource: gatewayResource(version),
    sampler: new AlwaysOnSampler(),
    spanLimits: { attributeValueLengthLimit: longestValue },
    spanProcessors: [processor],
  })
  return {
    tracer: provider.getTracer('llm-gateway', version),
    dropped: () => processor.dropped + exporter.dropped,
    shutdown: () => bounded(provider.shutdown(), shutdownTimeout, clock),
  }
}

/** Counts what the collector did not take. */
class CountingExporter implements tracing.SpanExporter {
  readonly #exporter: tracing.SpanExporter
  taken = 0
  dropped = 0

  constructor(exporter: tracing.SpanExporter) {
    this.#exporter = exporter
  }

  export(...[spans, done]: Parameters<tracing.SpanExporter['export']>): void {
    this.taken += spans.length
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
  #given = 0
  dropped = 0

  constructor(next: tracing.SpanProcessor, exporter: CountingExporter) {
    this.#next = next
    this.#exporter = exporter
  }

  onStart(): void {}

  onEnd(span: tracing.ReadableSpan): void {
    if (this.#given - this.#exporter.taken >= longestQueue) {
      this.dropped++
      return
    }
    this.#given++
    this.#next.onEnd(span)
  }

  forceFlush(): Promise<void> {
    return this.#next.forceFlush()
  }

  shutdown(): Promise<void> {
    return this.#next.shutdown()
  }
}

/** Waits at most `ms`, and takes a failure for an end. */
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
