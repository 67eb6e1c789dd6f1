import type { Clock } from '../domain/clock.ts'
import { dollars } from '../domain/money.ts'
import type { Breakers, LastAttempt, StatsSource } from '../domain/ports.ts'
import { duration } from '../domain/trail.ts'
import { BreakerState, type ConfigSummary, type StatsResponse, type UpstreamStats } from '../domain/types.ts'
import type { Counter } from './metrics.ts'
import { other, type Upstream, type Upstreams } from './upstreams.ts'

export type Summary = Pick<ConfigSummary, 'primaryProvider' | 'fallbackProviders' | 'cacheEnabled'>

/** The counters of all calls together. */
export interface Totals {
  requests: number
  readonly errors: Counter
  readonly fallbacks: Counter
}

/** Shows what has been counted as the contract tells it. */
export class Stats implements StatsSource {
  readonly #upstreams: Upstreams
  readonly #totals: Totals
  readonly #config: Summary
  readonly #breakers: Breakers
  /** Wall time in ms. */
  readonly #since: number

  constructor(clock: Clock, upstreams: Upstreams, totals: Totals, config: Summary, breakers: Breakers) {
    this.#upstreams = upstreams
    this.#totals = totals
    this.#config = config
    this.#breakers = breakers
    this.#since = clock.wall()
  }

  snapshot(): StatsResponse {
    const providers = new Map<string, Sum>()
    const models = new Map<string, Sum>()
    const all = new Sum()
    for (const name of this.#upstreams.providers) providers.set(name, new Sum(this.#breakers.stateOf(name)))
    for (const upstream of this.#upstreams.all()) {
      all.add(upstream)
      const { provider, model } = upstream
      sumOf(providers, provider).add(upstream)
      sumOf(models, model === other ? other : `${provider}/${model}`, this.#breakers.stateOf(provider, model)).add(
        upstream,
      )
    }
    const { requests, errors, fallbacks } = this.#totals
    return {
      $typeName: 'llmgateway.v1.StatsResponse',
      totalRequests: BigInt(requests),
      totalErrors: BigInt(errors.value),
      totalFallbacks: BigInt(fallbacks.value),
      errorRate: ratio(errors.value, requests),
      providers: toMessages(providers, all.attempts),
      models: toMessages(models, all.attempts),
      config: {
        $typeName: 'llmgateway.v1.ConfigSummary',
        primaryProvider: this.#config.primaryProvider,
        fallbackProviders: [...this.#config.fallbackProviders],
        cacheEnabled: this.#config.cacheEnabled,
      },
      since: {
        $typeName: 'google.protobuf.Timestamp',
        seconds: BigInt(Math.floor(this.#since / 1000)),
        nanos: Math.floor(this.#since % 1000) * 1e6,
      },
    }
  }

  lastAttempt(provider: string): LastAttempt | undefined {
    return this.#upstreams.lastAttempt(provider)
  }
}

class Sum {
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

  add(upstream: Upstream): void {
    this.attempts += upstream.attempts
    this.#errors += upstream.errors
    this.#succeeded += upstream.succeeded
    this.#succeededTime += upstream.succeededTime
    this.#generatedTokens += upstream.generatedTokens
    this.#generatedTime += upstream.generatedTime
    this.#inputTokens += upstream.inputTokens.value
    this.#outputTokens += upstream.outputTokens.value
    this.#cost += upstream.cost.value
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

function sumOf(sums: Map<string, Sum>, name: string, breaker?: BreakerState): Sum {
  let sum = sums.get(name)
  if (!sum) {
    sum = new Sum(breaker)
    sums.set(name, sum)
  }
  return sum
}

function toMessages(sums: ReadonlyMap<string, Sum>, allAttempts: number): Record<string, UpstreamStats> {
  return Object.fromEntries(Array.from(sums, ([name, sum]) => [name, sum.toMessage(allAttempts)]))
}

function ratio(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0
}
