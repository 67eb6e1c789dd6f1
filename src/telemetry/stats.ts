import { duration } from '../domain/call-record.ts'
import type { Clock } from '../domain/clock.ts'
import { dollars } from '../domain/money.ts'
import type { Breakers } from '../domain/ports/breakers.ts'
import type { LockState, SafetyLockSource } from '../domain/ports/safety-locks.ts'
import type { LastAttempt, StatsSource } from '../domain/ports/stats.ts'
import {
  BreakerState,
  type CacheStats,
  type ConfigSummary,
  type SafetyLockStats,
  type StatsResponse,
  type UpstreamStats,
} from '../domain/types.ts'
import type { Counter } from './metrics/metrics.ts'
import { other, type TargetSeries, type TargetSeriesTable } from './upstreams.ts'

export type Summary = Pick<ConfigSummary, 'primaryProvider' | 'fallbackProviders' | 'cacheEnabled'> &
  Partial<Pick<ConfigSummary, 'strategies'>>

/** The counters of all calls together. */
export interface Totals {
  requests: number
  readonly errors: Counter
  readonly fallbacks: Counter
}

/** The counters of the cache. */
interface Cache {
  snapshot(): CacheStats
  reset(): void
}

export interface StatsParts {
  readonly breakers: Breakers
  readonly cache?: Cache | undefined
  readonly locks?: SafetyLockSource | undefined
}

/** What had been counted when somebody let the statistics begin anew. */
interface Base {
  readonly requests: number
  readonly errors: number
  readonly fallbacks: number
  readonly all: Sum
  readonly providers: ReadonlyMap<string, Sum>
  readonly models: ReadonlyMap<string, Sum>
}

/** Shows what has been counted as the contract tells it. */
export class Stats implements StatsSource {
  readonly #upstreams: TargetSeriesTable
  readonly #totals: Totals
  readonly #config: Summary
  readonly #cache: Cache | undefined
  readonly #clock: Clock
  readonly #locks: SafetyLockSource | undefined
  readonly #breakers: Breakers
  /** Wall time in ms. */
  #since: number
  #base: Base | undefined

  constructor(clock: Clock, upstreams: TargetSeriesTable, totals: Totals, config: Summary, parts: StatsParts) {
    this.#clock = clock
    this.#cache = parts.cache
    this.#locks = parts.locks
    this.#breakers = parts.breakers
    this.#upstreams = upstreams
    this.#totals = totals
    this.#config = config
    this.#since = clock.wall()
  }

  snapshot(): StatsResponse {
    const { requests, errors, fallbacks, all, providers, models } = this.#sinceBase(this.#counted())
    return {
      $typeName: 'llmgateway.v1.StatsResponse',
      totalRequests: BigInt(requests),
      totalErrors: BigInt(errors),
      totalFallbacks: BigInt(fallbacks),
      errorRate: ratio(errors, requests),
      providers: toMessages(providers, all.attempts),
      models: toMessages(models, all.attempts),
      ...(this.#cache && { cache: this.#cache.snapshot() }),
      safetyLocks: locksToMessages(this.#locks?.states() ?? []),
      config: {
        $typeName: 'llmgateway.v1.ConfigSummary',
        primaryProvider: this.#config.primaryProvider,
        fallbackProviders: [...this.#config.fallbackProviders],
        cacheEnabled: this.#config.cacheEnabled,
        strategies: { ...this.#config.strategies },
      },
      components: [],
      since: {
        $typeName: 'google.protobuf.Timestamp',
        seconds: BigInt(Math.floor(this.#since / 1000)),
        nanos: Math.floor(this.#since % 1000) * 1e6,
      },
    }
  }

  reset(): void {
    this.#base = this.#counted()
    this.#since = this.#clock.wall()
    this.#cache?.reset()
  }

  /** Everything since the start of the process. */
  #counted(): Base {
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
    return { requests, errors: errors.value, fallbacks: fallbacks.value, all, providers, models }
  }

  #sinceBase(counted: Base): Base {
    const base = this.#base
    if (!base) return counted
    return {
      requests: counted.requests - base.requests,
      errors: counted.errors - base.errors,
      fallbacks: counted.fallbacks - base.fallbacks,
      all: counted.all.minus(base.all),
      providers: allMinus(counted.providers, base.providers),
      models: allMinus(counted.models, base.models),
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

  add(upstream: TargetSeries): void {
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

  minus(base: Sum | undefined): Sum {
    if (!base) return this
    const rest = new Sum()
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

function allMinus(sums: ReadonlyMap<string, Sum>, base: ReadonlyMap<string, Sum>): ReadonlyMap<string, Sum> {
  return new Map(Array.from(sums, ([name, sum]) => [name, sum.minus(base.get(name))]))
}

function locksToMessages(states: readonly LockState[]): Record<string, SafetyLockStats> {
  return Object.fromEntries(
    states.map(({ provider, target, locked, diverted }) => [
      provider,
      { $typeName: 'llmgateway.v1.SafetyLockStats', target, locked, diverted: BigInt(diverted) },
    ]),
  )
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
