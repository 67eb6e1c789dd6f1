import { duration } from '../domain/calls/call-record.ts'
import { dollars } from '../domain/money.ts'
import { BreakerState, type UpstreamStats } from '../domain/types.ts'
import type { TargetSeries } from './metrics/target-series.ts'

/** Sum of several series, or what was added to it since an earlier sum. */
export class TargetSum {
  readonly #breaker: BreakerState
  attempts = 0
  #errors = 0
  #succeeded = 0
  #succeededTime = 0
  #generatedTokens = 0
  #generatedTime = 0
  #inputTokens = 0
  #outputTokens = 0
  #cost = 0

  constructor(breaker = BreakerState.CLOSED) {
    this.#breaker = breaker
  }

  addSeries(series: TargetSeries): void {
    this.attempts += series.attempts
    this.#errors += series.errors
    this.#succeeded += series.succeeded
    this.#succeededTime += series.succeededTime
    this.#generatedTokens += series.generatedTokens
    this.#generatedTime += series.generatedTime
    this.#inputTokens += series.inputTokens.value
    this.#outputTokens += series.outputTokens.value
    this.#cost += series.cost.value
  }

  add(sum: TargetSum): void {
    this.attempts += sum.attempts
    this.#errors += sum.#errors
    this.#succeeded += sum.#succeeded
    this.#succeededTime += sum.#succeededTime
    this.#generatedTokens += sum.#generatedTokens
    this.#generatedTime += sum.#generatedTime
    this.#inputTokens += sum.#inputTokens
    this.#outputTokens += sum.#outputTokens
    this.#cost += sum.#cost
  }

  minus(base: TargetSum | undefined): TargetSum {
    if (!base) return this
    const rest = new TargetSum(this.#breaker)
    rest.attempts = this.attempts - base.attempts
    rest.#errors = this.#errors - base.#errors
    rest.#succeeded = this.#succeeded - base.#succeeded
    rest.#succeededTime = this.#succeededTime - base.#succeededTime
    rest.#generatedTokens = this.#generatedTokens - base.#generatedTokens
    rest.#generatedTime = this.#generatedTime - base.#generatedTime
    rest.#inputTokens = this.#inputTokens - base.#inputTokens
    rest.#outputTokens = this.#outputTokens - base.#outputTokens
    rest.#cost = this.#cost - base.#cost
    return rest
  }

  /** The totals of a response that reports these attempts only. */
  totals() {
    return {
      totalRequests: BigInt(this.attempts),
      totalErrors: BigInt(this.#errors),
      totalFallbacks: 0n,
      errorRate: ratio(this.#errors, this.attempts),
    }
  }

  toMessage(allAttempts: number): UpstreamStats {
    return {
      $typeName: 'llmgateway.v1.UpstreamStats',
      requests: BigInt(this.attempts),
      errors: BigInt(this.#errors),
      errorRate: ratio(this.#errors, this.attempts),
      latency: duration(ratio(this.#succeededTime, this.#succeeded)),
      tokensPerSecond: ratio(this.#generatedTokens, this.#generatedTime / 1000),
      share: ratio(this.attempts, allAttempts),
      inputTokens: BigInt(this.#inputTokens),
      outputTokens: BigInt(this.#outputTokens),
      costUsd: dollars(this.#cost),
      breaker: this.#breaker,
    }
  }
}

export function sumOfSeries(series: TargetSeries): TargetSum {
  const sum = new TargetSum()
  sum.addSeries(series)
  return sum
}

/** 0 where there is nothing to divide by. */
export function ratio(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0
}
