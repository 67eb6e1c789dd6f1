import type { Clock } from '../../domain/clock.ts'
import type { CacheAddress, CachedEntry, CacheSelection, CacheSize, CacheStore } from '../../domain/ports/cache.ts'
import type { Broadcast } from '../redis/broadcast.ts'
import type { MemoryCache } from './memory-cache.ts'
import type { RedisCache } from './redis-cache.ts'

/** How long an answer that Redis has is taken from memory, in ms. */
export const NEAR_TTL = 60_000
const TOPIC = 'cache-cleared'

export interface HybridCacheOptions {
  /** Keeps nothing for longer than NEAR_TTL. */
  readonly near: MemoryCache
  readonly far: RedisCache
  readonly broadcast: Broadcast
  readonly clock: Clock
}

/** Redis behind a memory: what is asked for often is not fetched each time. What one gateway clears all forget. */
export class HybridCache implements CacheStore {
  readonly #options: HybridCacheOptions

  constructor(options: HybridCacheOptions) {
    this.#options = options
    options.broadcast.listen(TOPIC, (selection) => {
      if (isSelection(selection)) void options.near.clear(selection)
    })
  }

  get(address: CacheAddress): CachedEntry | undefined | Promise<CachedEntry | undefined> {
    const { near, far } = this.#options
    return near.get(address) ?? far.find(address)?.then((stored) => stored && this.#remember(address, stored))
  }

  set(address: CacheAddress, kept: CachedEntry, ttl: number): void {
    this.#options.near.set(address, kept, ttl)
    this.#options.far.set(address, kept, ttl)
  }

  async clear(selection: CacheSelection): Promise<number> {
    const { near, far, broadcast } = this.#options
    const cleared = await far.clear(selection)
    // After Redis: what was on its way from there is in the memory by now.
    await near.clear(selection)
    broadcast.notify(TOPIC, selection)
    return cleared
  }

  /** Of the memory. */
  size(): CacheSize {
    return this.#options.near.size()
  }

  #remember(
    address: CacheAddress,
    { kept, until }: { readonly kept: CachedEntry; readonly until: number },
  ): CachedEntry {
    const left = until - this.#options.clock.wall()
    if (left > 0) this.#options.near.set(address, kept, left)
    return kept
  }
}

function isSelection(broadcast: unknown): broadcast is CacheSelection {
  if (typeof broadcast !== 'object' || broadcast === null || !('by' in broadcast)) return false
  if (broadcast.by === 'all') return true
  if (broadcast.by === 'id') return 'id' in broadcast && typeof broadcast.id === 'string'
  const isPattern = 'pattern' in broadcast && typeof broadcast.pattern === 'string'
  return broadcast.by === 'pattern' && isPattern && 'owner' in broadcast && typeof broadcast.owner === 'string'
}
