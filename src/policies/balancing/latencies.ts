import type { Operation } from '../../domain/call.ts'
import type { Clock } from '../../domain/clock.ts'
import type { Target } from '../../domain/facts.ts'

/** What the last sample adds to an estimate. */
const LAST_COUNTS = 0.3
/** After so long without a sample, in ms, an estimate counts half: what was slow is tried again. */
const HALF_LIFE = 30_000
/** A failure is as bad as an answer that comes so much later, in ms. */
const FAILURE = 10_000

interface Estimate {
  /** To the first token or, of answers that are awaited whole, to the end, in ms. */
  latency: number
  at: number
  /** Attempts that have not told yet. */
  pending: number
}

/** How long targets take to begin to answer: moving averages that fade, streams apart from whole answers. */
export class Latencies {
  readonly #clock: Clock
  readonly #estimates = new Map<string, Estimate>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * In ms, of the next call. A target that was never tried counts as the fastest of all, to be tried; while that is
   * under way, as the slowest, so that not everybody tries it at once.
   */
  expected(target: Target, operation: Operation): number {
    const estimate = this.#estimates.get(nameOf(target, operation))
    if (!estimate) return 0
    if (Number.isNaN(estimate.latency)) return estimate.pending > 0 ? Number.POSITIVE_INFINITY : 0
    const faded = estimate.latency * 2 ** ((estimate.at - this.#clock.now()) / HALF_LIFE)
    return faded * (estimate.pending + 1)
  }

  /** An attempt begins. The function it returns is told once how it went: `latency` is undefined where that says nothing. */
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

  /** What an attempt counts that has failed after `elapsed` ms. */
  ofFailure(elapsed: number): number {
    return elapsed + FAILURE
  }
}

/** The targets of aliases alone are measured: their number is bounded. */
function nameOf({ provider, model }: Target, operation: Operation): string {
  return `${operation} ${provider.name}/${model}`
}
