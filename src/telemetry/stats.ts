import type { CallSummary } from '../domain/calls/call-summary.ts'
import type { Reach } from '../domain/calls/reach.ts'
import type { Clock } from '../domain/clock.ts'
import { originOf } from '../domain/errors/reasons.ts'
import type { Breakers } from '../domain/ports/breakers.ts'
import type { CallObserver } from '../domain/ports/operations/call-observer.ts'
import type { LastAttempt, StatsSource } from '../domain/ports/operations/stats.ts'
import type { LockState, SafetyLockSource } from '../domain/ports/safety-locks.ts'
import type {
  BreakerState,
  CacheStats,
  ConfigSummary,
  SafetyLockStats,
  StatsResponse,
  UpstreamStats,
} from '../domain/types.ts'
import type { TargetSeries } from './metrics/target-series.ts'
import type { TargetSeriesTable } from './metrics/target-series-table.ts'
import { other } from './names.ts'
import { ratio, sumOfSeries, TargetSum } from './target-sum.ts'

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
  /** Counts of each target at the last reset. */
  #base: ReadonlyMap<TargetSeries, TargetSum> = new Map()

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

  snapshot(reach?: Reach): StatsResponse {
    const { all, providers, models } = this.#counted(reach)
    return {
      $typeName: 'llmgateway.v1.StatsResponse',
      ...(reach ? all.totals() : this.#totals()),
      providers: toMessages(providers, all.attempts),
      models: toMessages(models, all.attempts),
      // What is in the cache is others' use of all models.
      ...(this.#cache && !reach && { cache: this.#cache.snapshot() }),
      safetyLocks: locksToMessages(this.#locks?.states() ?? [], reach),
      config: configToMessage(this.#config, reach),
      components: [],
      budgets: [],
      since: {
        $typeName: 'google.protobuf.Timestamp',
        seconds: BigInt(Math.floor(this.#since / 1000)),
        nanos: Math.floor(this.#since % 1000) * 1e6,
      },
    }
  }

  reset(): void {
    this.#base = new Map(Array.from(this.#table.all(), (series) => [series, sumOfSeries(series)]))
    this.#requests = 0
    this.#errors = 0
    this.#fallbacks = 0
    this.#since = this.#clock.wall()
    this.#cache?.reset()
  }

  #totals() {
    return {
      totalRequests: BigInt(this.#requests),
      totalErrors: BigInt(this.#errors),
      totalFallbacks: BigInt(this.#fallbacks),
      errorRate: ratio(this.#errors, this.#requests),
    }
  }

  /** Counts since the last reset, of what a caller may see. */
  #counted(reach?: Reach): TargetSums {
    const providers = new Map<string, TargetSum>()
    const models = new Map<string, TargetSum>()
    const all = new TargetSum()
    for (const name of this.#table.providers) {
      if (!reach || reach.provider(name)) providers.set(name, new TargetSum(this.#breakers.stateOf(name)))
    }
    for (const series of this.#table.all()) {
      const { provider, model } = series
      // Whether a caller may use a model that has no label of its own is not known.
      if (reach && (model === other || !reach.target(`${provider}/${model}`))) continue
      const name = model === other ? other : `${provider}/${model}`
      const sum = sumOfSeries(series).minus(this.#base.get(series))
      all.add(sum)
      sumOf(providers, provider).add(sum)
      sumOf(models, name, this.#breakers.stateOf(provider, model)).add(sum)
    }
    return { all, providers, models }
  }

  lastAttempt(provider: string): LastAttempt | undefined {
    return this.#table.lastAttempt(provider)
  }
}

function locksToMessages(states: readonly LockState[], reach?: Reach): Record<string, SafetyLockStats> {
  const visible = states.filter(({ provider, target }) => !reach || (reach.provider(provider) && reach.target(target)))
  return Object.fromEntries(
    visible.map(({ provider, target, locked, diverted }) => [
      provider,
      { $typeName: 'llmgateway.v1.SafetyLockStats', target, locked, diverted: BigInt(diverted) },
    ]),
  )
}

function configToMessage(config: Summary, reach?: Reach): ConfigSummary {
  const { primaryProvider, fallbackProviders, cacheEnabled, strategies = {} } = config
  const isVisible = (provider: string) => !reach || reach.provider(provider)
  return {
    $typeName: 'llmgateway.v1.ConfigSummary',
    primaryProvider: isVisible(primaryProvider) ? primaryProvider : '',
    fallbackProviders: fallbackProviders.filter(isVisible),
    cacheEnabled,
    strategies: Object.fromEntries(Object.entries(strategies).filter(([alias]) => !reach || reach.alias(alias))),
  }
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
