import type { CallSummary } from '../domain/calls/call-summary.ts'
import type { Clock } from '../domain/clock.ts'
import { originOf } from '../domain/errors/reasons.ts'
import type { Breakers } from '../domain/ports/breakers.ts'
import type { CallObserver } from '../domain/ports/call-observer.ts'
import type { LockState, SafetyLockSource } from '../domain/ports/safety-locks.ts'
import type { LastAttempt, StatsSource } from '../domain/ports/stats.ts'
import type {
  BreakerState,
  CacheStats,
  ConfigSummary,
  SafetyLockStats,
  StatsResponse,
  UpstreamStats,
} from '../domain/types.ts'
import type { TargetSeriesTable } from './metrics/target-series-table.ts'
import { other } from './names.ts'
import { ratio, TargetSum } from './target-sum.ts'

export type Summary = Pick<ConfigSummary, 'primaryProvider' | 'fallbackProviders' | 'cacheEnabled'> &
  Partial<Pick<ConfigSummary, 'strategies'>>

/** Counts of the cache. */
interface Cache {
  snapshot(): CacheStats
  reset(): void
}

export interface StatsParts {
  readonly breakers: Breakers
  readonly cache?: Cache | undefined
  readonly locks?: SafetyLockSource | undefined
}

/** Counts of targets at the last reset. */
interface TargetSums {
  readonly all: TargetSum
  readonly providers: ReadonlyMap<string, TargetSum>
  readonly models: ReadonlyMap<string, TargetSum>
}

/** Statistics since the process started or since the last reset. */
export class Stats implements StatsSource, CallObserver {
  readonly #table: TargetSeriesTable
  readonly #config: Summary
  readonly #cache: Cache | undefined
  readonly #clock: Clock
  readonly #locks: SafetyLockSource | undefined
  readonly #breakers: Breakers
  /** Start of the counts, as wall time in ms. */
  #since: number
  #requests = 0
  #errors = 0
  #fallbacks = 0
  #base: TargetSums | undefined

  constructor(clock: Clock, table: TargetSeriesTable, config: Summary, parts: StatsParts) {
    this.#clock = clock
    this.#cache = parts.cache
    this.#locks = parts.locks
    this.#breakers = parts.breakers
    this.#table = table
    this.#config = config
    this.#since = clock.wall()
  }

  callEnded({ error, fallbackUsed }: CallSummary): void {
    this.#requests++
    if (error && originOf(error.reason) !== 'caller') this.#errors++
    if (!error && fallbackUsed) this.#fallbacks++
  }

  snapshot(): StatsResponse {
    const { all, providers, models } = this.#sinceBase(this.#counted())
    return {
      $typeName: 'llmgateway.v1.StatsResponse',
      totalRequests: BigInt(this.#requests),
      totalErrors: BigInt(this.#errors),
      totalFallbacks: BigInt(this.#fallbacks),
      errorRate: ratio(this.#errors, this.#requests),
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
    this.#requests = 0
    this.#errors = 0
    this.#fallbacks = 0
    this.#since = this.#clock.wall()
    this.#cache?.reset()
  }

  /** Counts since the process started. */
  #counted(): TargetSums {
    const providers = new Map<string, TargetSum>()
    const models = new Map<string, TargetSum>()
    const all = new TargetSum()
    for (const name of this.#table.providers) providers.set(name, new TargetSum(this.#breakers.stateOf(name)))
    for (const series of this.#table.all()) {
      const { provider, model } = series
      const name = model === other ? other : `${provider}/${model}`
      all.add(series)
      sumOf(providers, provider).add(series)
      sumOf(models, name, this.#breakers.stateOf(provider, model)).add(series)
    }
    return { all, providers, models }
  }

  #sinceBase(counted: TargetSums): TargetSums {
    const base = this.#base
    if (!base) return counted
    return {
      all: counted.all.minus(base.all),
      providers: allMinus(counted.providers, base.providers),
      models: allMinus(counted.models, base.models),
    }
  }

  lastAttempt(provider: string): LastAttempt | undefined {
    return this.#table.lastAttempt(provider)
  }
}

function allMinus(
  sums: ReadonlyMap<string, TargetSum>,
  base: ReadonlyMap<string, TargetSum>,
): ReadonlyMap<string, TargetSum> {
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

function sumOf(sums: Map<string, TargetSum>, name: string, breaker?: BreakerState): TargetSum {
  let sum = sums.get(name)
  if (!sum) {
    sum = new TargetSum(breaker)
    sums.set(name, sum)
  }
  return sum
}

function toMessages(sums: ReadonlyMap<string, TargetSum>, allAttempts: number): Record<string, UpstreamStats> {
  return Object.fromEntries(Array.from(sums, ([name, sum]) => [name, sum.toMessage(allAttempts)]))
}
