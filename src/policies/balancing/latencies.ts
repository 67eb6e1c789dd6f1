import type { Operation } from '../../domain/calls/call.ts'
import type { Target } from '../../domain/calls/facts.ts'
import type { Clock } from '../../domain/clock.ts'

/** Weight of the latest sample in an estimate. */
const LAST_COUNTS = 0.3
/** Half-life of an estimate without new samples, in ms: a target that was slow is tried again. */
const HALF_LIFE = 30_000
/** Added to the latency of a failed attempt, in ms. */
const FAILURE = 10_000

interface Estimate {
  /** Time to the first token of a stream, or to the whole response of a unary call, in ms. */
  latency: number
  at: number
  /** Attempts without a result yet. */
  pending: number
}

/** How fast targets answer: moving averages that decay, separate for each operation. */
export class Latencies {
  readonly #clock: Clock
  readonly #estimates = new Map<string, Estimate>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Expected latency of the next call, in ms. A target that was never tried counts as the fastest, so that it is tried;
   * while that attempt is under way it counts as the slowest, so that only one call tries it.
   */
  expected(target: Target, operation: Operation): number {
    const estimate = this.#estimates.get(nameOf(target, operation))
    if (!estimate) return 0
    if (Number.isNaN(estimate.latency)) return estimate.pending > 0 ? Number.POSITIVE_INFINITY : 0
    const faded = estimate.latency * 2 ** ((estimate.at - this.#clock.now()) / HALF_LIFE)
    return faded * (estimate.pending + 1)
  }

  /**
   * Begins an attempt. The returned function takes its result once; `latency` is undefined when it says nothing about
   * speed.
   */
  begin(target: Target, operation: Operation): (latency: number | undefined) => void {
    const name = nameOf(target, operation)
    let estimate = this.#estimates.get(name)
    if (!estimate) {
      estimate = { latency: Number.NaN, at: 0, pending: 0 }
      this.#estimates.set(name, estimate)
    }
    const known = estimate
    known.pending++
    return (latency) => {
      known.pending--
      if (latency === undefined) return
      const before = known.latency
      known.latency = Number.isNaN(before) ? latency : before + (latency - before) * LAST_COUNTS
      known.at = this.#clock.now()
    }
  }

  /** Latency that an attempt which failed after `elapsed` ms counts as. */
  ofFailure(elapsed: number): number {
    return elapsed + FAILURE
  }
}

/** Only targets of aliases are measured, so the number of names is bounded. */
function nameOf({ provider, model }: Target, operation: Operation): string {
  return `${operation} ${provider.name}/${model}`
}
