import type { CacheAddress, CacheSelection, CacheSize, CacheStore, Kept } from '../../domain/ports/cache.ts'
import type { Clock } from '../../domain/clock.ts'
import type { MemoryCache } from './memory-cache.ts'
import type { RedisCache } from './redis-cache.ts'
import type { SharedNews } from '../redis/broadcast.ts'

/** How long an answer that Redis has is taken from memory, in ms. */
export const NEAR_TTL = 60_000
const TOPIC = 'cache-cleared'

export interface HybridCacheOptions {
  /** Keeps nothing for longer than NEAR_TTL. */
  readonly near: MemoryCache
  readonly far: RedisCache
  readonly news: SharedNews
  readonly clock: Clock
}

/** Redis behind a memory: what is asked for often is not fetched each time. What one gateway clears all forget. */
export class HybridCache implements CacheStore {
  readonly #options: HybridCacheOptions

  constructor(options: HybridCacheOptions) {
    this.#options = options
    options.news.listen(TOPIC, (selection) => {
      if (isSelection(selection)) void options.near.clear(selection)
    })
  }

  get(address: CacheAddress): Kept | undefined | Promise<Kept | undefined> {
    const { near, far } = this.#options
    return near.get(address) ?? far.find(address)?.then((stored) => stored && this.#remember(address, stored))
  }

  set(address: CacheAddress, kept: Kept, ttl: number): void {
    this.#options.near.set(address, kept, ttl)
    this.#options.far.set(address, kept, ttl)
  }

  async clear(selection: CacheSelection): Promise<number> {
    const { near, far, news } = this.#options
    const cleared = await far.clear(selection)
    // After Redis: what was on its way from there is in the memory by now.
    await near.clear(selection)
    news.tell(TOPIC, selection)
    return cleared
  }

  /** Of the memory. */
  size(): CacheSize {
    return this.#options.near.size()
  }

  #remember(address: CacheAddress, { kept, until }: { readonly kept: Kept; readonly until: number }): Kept {
    const left = until - this.#options.clock.wall()
    if (left > 0) this.#options.near.set(address, kept, left)
    return kept
  }
}

function isSelection(news: unknown): news is CacheSelection {
  if (typeof news !== 'object' || news === null || !('by' in news)) return false
  if (news.by === 'all') return true
  if (news.by === 'id') return 'id' in news && typeof news.id === 'string'
  const isPattern = 'pattern' in news && typeof news.pattern === 'string'
  return news.by === 'pattern' && isPattern && 'owner' in news && typeof news.owner === 'string'
}
