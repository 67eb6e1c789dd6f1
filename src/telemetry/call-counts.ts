import type { Operation } from '../domain/call.ts'
import type { GatewayError } from '../domain/error.ts'
import { isReason, originOf, type Reason, reasons } from '../domain/reasons.ts'
import { instruments } from './metrics/instruments.ts'
import type { Counter, Histogram, Metrics } from './metrics/metrics.ts'
import type { Totals } from './stats.ts'

interface OfOperation {
  readonly active: Counter
  readonly overhead: Histogram
}

/** What is counted of calls whatever their provider. */
export class CallCounts implements Totals {
  /** Calls that ended. */
  requests = 0
  readonly active: Counter
  readonly errors: Counter
  readonly fallbacks: Counter
  readonly retries: Counter
  readonly operations: Readonly<Record<Operation, OfOperation>>
  readonly #reasons = new Map<Reason, Counter>()

  constructor(metrics: Metrics) {
    this.active = metrics.counter(instruments.activeConnections, {})
    this.errors = metrics.counter(instruments.errorRate, {})
    this.fallbacks = metrics.counter(instruments.fallbacks, {})
    this.retries = metrics.counter(instruments.retries, {})
    const of = (operation: Operation): OfOperation => ({
      active: metrics.counter(instruments.activeCalls, { operation }),
      overhead: metrics.histogram(instruments.overhead, { operation }),
    })
    this.operations = { chat: of('chat'), stream_chat: of('stream_chat'), embed: of('embed') }
    // All of them from the start: a rate over a counter that is not there yet misses its first increment.
    for (const reason of Object.keys(reasons).filter(isReason)) {
      this.#reasons.set(reason, metrics.counter(instruments.errors, { origin: originOf(reason), reason }))
    }
  }

  begin(operation: Operation): void {
    this.active.value++
    this.operations[operation].active.value++
  }

  /** `overhead` in s. */
  end(operation: Operation, overhead: number, fallback: boolean, error: GatewayError | undefined): void {
    this.requests++
    this.active.value--
    const ofOperation = this.operations[operation]
    ofOperation.active.value--
    ofOperation.overhead.record(overhead)
    if (!error) {
      if (fallback) this.fallbacks.value++
      return
    }
    const reason = this.#reasons.get(error.reason)
    if (reason) reason.value++
    if (originOf(error.reason) !== 'caller') this.errors.value++
  }
}
