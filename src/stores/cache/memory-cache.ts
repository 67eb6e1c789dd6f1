import { LRUCache } from 'lru-cache'
import type { Clock } from '../../domain/clock.ts'
import type { CacheAddress, CachedEntry, CacheSelection, CacheSize, CacheStore } from '../../domain/ports/cache.ts'
import { matchesGlob } from '../../domain/text/glob.ts'

export interface MemoryCacheOptions {
  readonly clock: Clock
  readonly maxEntries: number
  /** Estimated. A larger result is not stored. */
  readonly maxBytes: number
  /** Upper bound of every time to live, in ms. */
  readonly maxTtl?: number
}

interface Slot {
  readonly address: CacheAddress
  readonly entry: CachedEntry
}

/** Memory of a slot beside its result, in bytes. */
const ENTRY_BYTES = 300

/** Stores results in this process. The least recently used ones are evicted. */
export class MemoryCache implements CacheStore {
  readonly #options: MemoryCacheOptions
  readonly #slots: LRUCache<string, Slot>
  #evictions = 0

  constructor(options: MemoryCacheOptions) {
    const { clock, maxEntries, maxBytes } = options
    this.#options = options
    this.#slots = new LRUCache<string, Slot>({
      max: maxEntries,
      maxSize: maxBytes,
      maxEntrySize: maxBytes,
      sizeCalculation: ({ address, entry }) => ENTRY_BYTES + address.label.length + entry.bytes,
      perf: clock,
      ttlResolution: 0,
      dispose: (_slot, _id, reason) => {
        if (reason === 'evict') this.#evictions++
      },
    })
  }

  get({ id }: CacheAddress): CachedEntry | undefined {
    return this.#slots.get(id)?.entry
  }

  set(address: CacheAddress, entry: CachedEntry, ttl: number): void {
    const { maxTtl = Number.POSITIVE_INFINITY } = this.#options
    this.#slots.set(address.id, { address, entry }, { ttl: Math.min(ttl, maxTtl) })
  }

  async clear(selection: CacheSelection): Promise<number> {
    const before = this.#size()
    if (selection.by === 'all') this.#slots.clear()
    else if (selection.by === 'id') this.#slots.delete(selection.id)
    else this.#clearMatching(selection)
    return before - this.#size()
  }

  size(): CacheSize {
    const { maxEntries, maxBytes } = this.#options
    const evictions = this.#evictions
    return { entries: this.#size(), maxEntries, bytes: this.#slots.calculatedSize, maxBytes, evictions }
  }

  #clearMatching({ pattern, owner }: CacheSelection & { readonly by: 'pattern' }): void {
    for (const { address } of [...this.#slots.values()]) {
      const isMeant = address.owner === owner || address.owner === ''
      if (isMeant && matchesGlob(pattern, address.label)) this.#slots.delete(address.id)
    }
  }

  /** Expired slots are removed when their number is asked for. */
  #size(): number {
    this.#slots.purgeStale()
    return this.#slots.size
  }
}
