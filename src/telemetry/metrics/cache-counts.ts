import { duration } from '../../domain/calls/call-record.ts'
import { dollars, nanoDollars } from '../../domain/money.ts'
import type { CacheObserver, CacheSize, CacheStore } from '../../domain/ports/cache.ts'
import type { CacheStats } from '../../domain/types.ts'
import { instruments } from './instruments.ts'
import type { Counter, Metrics } from './metrics.ts'

/** Counts of the cache, for metrics and for the statistics. */
export class CacheCounts implements CacheObserver {
  readonly #store: Pick<CacheStore, 'size'>
  readonly #ttl: number
  readonly #hits: Counter
  readonly #misses: Counter
  readonly #shared: Counter
  /** In nano-dollars. */
  readonly #saved: Counter
  #since = { hits: 0, misses: 0, shared: 0, saved: 0, evictions: 0 }

  /** `ttl` in ms, shown in the statistics. */
  constructor(metrics: Metrics, store: Pick<CacheStore, 'size'>, ttl: number) {
    this.#store = store
    this.#ttl = ttl
    this.#hits = metrics.counter(instruments.cacheHits, {})
    this.#misses = metrics.counter(instruments.cacheMisses, {})
    this.#shared = metrics.counter(instruments.cacheShared, {})
    this.#saved = metrics.counter(instruments.cacheSaved, {})
    const read = (value: (size: CacheSize) => number) => () => value(store.size())
    metrics.observe(
      instruments.cacheEvictions,
      {},
      read(({ evictions }) => evictions),
    )
    metrics.observe(
      instruments.cacheEntries,
      {},
      read(({ entries }) => entries),
    )
    metrics.observe(
      instruments.cacheBytes,
      {},
      read(({ bytes }) => bytes),
    )
    const rate = () => hitRate(this.#hits.value, this.#misses.value)
    metrics.observe(instruments.cacheHitRatio, {}, rate)
    metrics.observe(instruments.cacheHitRate, {}, rate)
  }

  hit(usd: number | undefined): void {
    this.#hits.value++
    this.#save(usd)
  }

  miss(): void {
    this.#misses.value++
  }

  shared(usd: number | undefined): void {
    this.#shared.value++
    this.#save(usd)
  }

  /** Counts since the process started or since the last reset. */
  snapshot(): CacheStats {
    const { entries, maxEntries, bytes, maxBytes, evictions } = this.#store.size()
    const since = this.#since
    const hits = this.#hits.value - since.hits
    const misses = this.#misses.value - since.misses
    return {
      $typeName: 'llmgateway.v1.CacheStats',
      size: BigInt(entries),
      maxSize: BigInt(maxEntries),
      hits: BigInt(hits),
      misses: BigInt(misses),
      hitRate: hitRate(hits, misses),
      evictions: BigInt(evictions - since.evictions),
      ttl: duration(this.#ttl),
      bytes: BigInt(bytes),
      maxBytes: BigInt(maxBytes),
      shared: BigInt(this.#shared.value - since.shared),
      savedUsd: dollars(this.#saved.value - since.saved),
    }
  }

  reset(): void {
    this.#since = {
      hits: this.#hits.value,
      misses: this.#misses.value,
      shared: this.#shared.value,
      saved: this.#saved.value,
      evictions: this.#store.size().evictions,
    }
  }

  #save(usd: number | undefined): void {
    if (usd !== undefined) this.#saved.value += nanoDollars(usd)
  }
}

function hitRate(hits: number, misses: number): number {
  return hits + misses > 0 ? hits / (hits + misses) : 0
}
