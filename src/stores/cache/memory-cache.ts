import { LRUCache } from 'lru-cache'
import type { Clock } from '../../domain/clock.ts'
import type { CacheAddress, CachedEntry, CacheSelection, CacheSize, CacheStore } from '../../domain/ports/cache.ts'
import { matchesGlob } from '../../domain/text/glob.ts'

export interface MemoryCacheOptions {
  readonly clock: Clock
  readonly maxEntries: number
  /** Estimated. An answer that is larger than all of it is not kept. */
  readonly maxBytes: number
  /** The longest time that anything is kept, in ms. */
  readonly maxTtl?: number
}

interface Entry {
  readonly address: CacheAddress
  readonly kept: CachedEntry
}

/** Of an entry beside its answer, in bytes. */
const ENTRY_BYTES = 300

/** Keeps answers in this process: what was not used for longest makes room. */
export class MemoryCache implements CacheStore {
  readonly #options: MemoryCacheOptions
  readonly #entries: LRUCache<string, Entry>
  #evictions = 0

  constructor(options: MemoryCacheOptions) {
    const { clock, maxEntries, maxBytes } = options
    this.#options = options
    this.#entries = new LRUCache<string, Entry>({
      max: maxEntries,
      maxSize: maxBytes,
      maxEntrySize: maxBytes,
      sizeCalculation: ({ address, kept }) => ENTRY_BYTES + address.label.length + kept.bytes,
      perf: clock,
      ttlResolution: 0,
      dispose: (_entry, _id, reason) => {
        if (reason === 'evict') this.#evictions++
      },
    })
  }

  get({ id }: CacheAddress): CachedEntry | undefined {
    return this.#entries.get(id)?.kept
  }

  set(address: CacheAddress, kept: CachedEntry, ttl: number): void {
    const { maxTtl = Number.POSITIVE_INFINITY } = this.#options
    this.#entries.set(address.id, { address, kept }, { ttl: Math.min(ttl, maxTtl) })
  }

  async clear(selection: CacheSelection): Promise<number> {
    const before = this.#size()
    if (selection.by === 'all') this.#entries.clear()
    else if (selection.by === 'id') this.#entries.delete(selection.id)
    else this.#clearMatching(selection)
    return before - this.#size()
  }

  size(): CacheSize {
    const { maxEntries, maxBytes } = this.#options
    const evictions = this.#evictions
    return { entries: this.#size(), maxEntries, bytes: this.#entries.calculatedSize, maxBytes, evictions }
  }

  #clearMatching({ pattern, owner }: CacheSelection & { readonly by: 'pattern' }): void {
    for (const { address } of [...this.#entries.values()]) {
      const isMeant = address.owner === owner || address.owner === ''
      if (isMeant && matchesGlob(pattern, address.label)) this.#entries.delete(address.id)
    }
  }

  /** What has expired leaves when somebody looks for it. */
  #size(): number {
    this.#entries.purgeStale()
    return this.#entries.size
  }
}
