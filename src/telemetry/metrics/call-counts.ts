import type { Operation } from '../../domain/calls/call.ts'
import type { CallSummary } from '../../domain/calls/call-summary.ts'
import { forEachOperation } from '../../domain/calls/operations.ts'
import { isReason, originOf, type Reason, reasons } from '../../domain/errors/reasons.ts'
import type { CallObserver } from '../../domain/ports/operations/call-observer.ts'
import { instruments } from './instruments.ts'
import type { Counter, Histogram, Metrics } from './metrics.ts'
import type { TargetSeriesTable } from './target-series-table.ts'

interface OperationCounts {
  readonly active: Counter
  readonly overhead: Histogram
}

/** Metrics of calls. */
export class CallCounts implements CallObserver {
  readonly retries: Counter
  readonly #table: TargetSeriesTable
  readonly #active: Counter
  readonly #errors: Counter
  readonly #fallbacks: Counter
  readonly #operations: Readonly<Record<Operation, OperationCounts>>
  readonly #reasons = new Map<Reason, Counter>()

  constructor(metrics: Metrics, table: TargetSeriesTable) {
    this.#table = table
    this.#active = metrics.counter(instruments.activeConnections, {})
    this.#errors = metrics.counter(instruments.errorRate, {})
    this.#fallbacks = metrics.counter(instruments.fallbacks, {})
    this.retries = metrics.counter(instruments.retries, {})
    const countsOf = (operation: Operation): OperationCounts => ({
      active: metrics.counter(instruments.activeCalls, { operation }),
      overhead: metrics.histogram(instruments.overhead, { operation }),
    })
    this.#operations = forEachOperation(countsOf)
    // All of them from the start: a rate over a counter that does not exist yet misses its first increment.
    for (const reason of Object.keys(reasons).filter(isReason)) {
      this.#reasons.set(reason, metrics.counter(instruments.errors, { origin: originOf(reason), reason }))
    }
  }

  begin(operation: Operation): void {
    this.#active.value++
    this.#operations[operation].active.value++
  }

  callEnded(summary: CallSummary): void {
    const { operation, error } = summary
    this.#active.value--
    const counts = this.#operations[operation]
    counts.active.value--
    counts.overhead.record(summary.overhead / 1000)
    if (error) {
      const counter = this.#reasons.get(error.reason)
      if (counter) counter.value++
      if (originOf(error.reason) !== 'caller') this.#errors.value++
    } else if (summary.fallbackUsed) this.#fallbacks.value++
    this.#countTarget(summary)
  }

  #countTarget({ operation, provider, model, cached, replayed, latency, error }: CallSummary): void {
    const target = provider === '' ? this.#table.none : this.#table.find(provider, model, false)
    const series = target.of(operation)
    const seconds = latency / 1000
    target.calls.value++
    const latencies = cached || replayed ? target.cachedLatency : target.latency
    latencies.record(seconds)
    series.calls(error ? error.code : 'OK').value++
    series.duration.record(seconds)
  }
}
