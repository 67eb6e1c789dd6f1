import type { Clock } from '../../domain/clock.ts'
import type { CacheAddress, CachedEntry, CacheSelection, CacheSize, CacheStore } from '../../domain/ports/cache.ts'
import type { Broadcast } from '../redis/broadcast.ts'
import type { StoredEntry } from './cache-codec.ts'
import type { MemoryCache } from './memory-cache.ts'
import type { RedisCache } from './redis-cache.ts'

/** How long memory serves a result that Redis stores, in ms. */
export const NEAR_TTL = 60_000
const TOPIC = 'cache-cleared'

export interface HybridCacheOptions {
  /** Its longest time to live must be NEAR_TTL. */
  readonly near: MemoryCache
  readonly far: RedisCache
  readonly broadcast: Broadcast
  readonly clock: Clock
}

/** Memory in front of Redis, so that frequent requests do not fetch each time. Clearing reaches the memory of all gateways. */
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

  set(address: CacheAddress, entry: CachedEntry, ttl: number): void {
    this.#options.near.set(address, entry, ttl)
    this.#options.far.set(address, entry, ttl)
  }

  async clear(selection: CacheSelection): Promise<number> {
    const { near, far, broadcast } = this.#options
    const cleared = await far.clear(selection)
    // After Redis, because results on their way from there are in memory by now.
    await near.clear(selection)
    broadcast.notify(TOPIC, selection)
    return cleared
  }

  /** Size of the memory. */
  size(): CacheSize {
    return this.#options.near.size()
  }

  #remember(address: CacheAddress, { entry, until }: StoredEntry): CachedEntry {
    const left = until - this.#options.clock.wall()
    if (left > 0) this.#options.near.set(address, entry, left)
    return entry
  }
}

function isSelection(message: unknown): message is CacheSelection {
  if (typeof message !== 'object' || message === null || !('by' in message)) return false
  if (message.by === 'all') return true
  if (message.by === 'id') return 'id' in message && typeof message.id === 'string'
  const isPattern = 'pattern' in message && typeof message.pattern === 'string'
  const hasOwners = 'owners' in message && Array.isArray(message.owners)
  return message.by === 'pattern' && isPattern && hasOwners
}
