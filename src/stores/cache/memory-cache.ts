import type { Clock } from '../../domain/clock.ts'
import type { CacheAddress, CachedEntry, CacheSelection, CacheSize, CacheStore } from '../../domain/ports/cache.ts'
import { matchesGlob } from '../../domain/text/glob.ts'
import { CacheShare } from './cache-share.ts'

export interface MemoryCacheOptions {
  readonly clock: Clock
  readonly maxEntries: number
  /** Estimated. A larger result is not stored. */
  readonly maxBytes: number
  /** Upper bound of every time to live, in ms. */
  readonly maxTtl?: number
}

/**
 * Stores results in this process. When it is full, the caller that holds most loses the result that it has not used for
 * the longest time: nobody can push out what others have stored within their share.
 */
export class MemoryCache implements CacheStore {
  readonly #options: MemoryCacheOptions
  /** By holder; none of them is empty. */
  readonly #shares = new Map<string, CacheShare>()
  /** The share that holds a result, by the result's id. */
  readonly #holders = new Map<string, CacheShare>()
  #bytes = 0
  #evictions = 0

  constructor(options: MemoryCacheOptions) {
    this.#options = options
  }

  get({ id }: CacheAddress): CachedEntry | undefined {
    return this.#holders.get(id)?.get(id)
  }

  set(address: CacheAddress, entry: CachedEntry, ttl: number): void {
    const { maxTtl = Number.POSITIVE_INFINITY, maxEntries, maxBytes } = this.#options
    this.#delete(address.id)
    const share = this.#shareOf(address.holder)
    share.set(address, entry, Math.min(ttl, maxTtl))
    while (this.#holders.size > maxEntries) this.#evictFrom(({ entries }) => entries)
    while (this.#bytes > maxBytes) this.#evictFrom(({ bytes }) => bytes)
    this.#dropIfEmpty(share)
  }

  async clear(selection: CacheSelection): Promise<number> {
    const before = this.#size()
    if (selection.by === 'id') this.#delete(selection.id)
    else this.#deleteEach((address) => selection.by === 'all' || isMeant(address, selection))
    return before - this.#size()
  }

  size(): CacheSize {
    const { maxEntries, maxBytes } = this.#options
    return { entries: this.#size(), maxEntries, bytes: this.#bytes, maxBytes, evictions: this.#evictions }
  }

  #delete(id: string): void {
    const share = this.#holders.get(id)
    if (!share) return
    share.delete(id)
    this.#dropIfEmpty(share)
  }

  #shareOf(holder: string): CacheShare {
    const known = this.#shares.get(holder)
    if (known) return known
    const share: CacheShare = new CacheShare(holder, this.#options, {
      added: (id, bytes) => {
        this.#holders.set(id, share)
        this.#bytes += bytes
      },
      removed: (id, bytes) => {
        this.#holders.delete(id)
        this.#bytes -= bytes
      },
    })
    this.#shares.set(holder, share)
    return share
  }

  #evictFrom(held: (share: CacheShare) => number): void {
    let largest: CacheShare | undefined
    for (const share of this.#shares.values()) if (!largest || held(share) > held(largest)) largest = share
    if (!largest) return
    largest.deleteOldest()
    this.#evictions++
    this.#dropIfEmpty(largest)
  }

  #deleteEach(isSelected: (address: CacheAddress) => boolean): void {
    for (const share of [...this.#shares.values()]) {
      for (const address of share.addresses()) if (isSelected(address)) share.delete(address.id)
      this.#dropIfEmpty(share)
    }
  }

  /** Expired results are removed when their number is asked for. */
  #size(): number {
    for (const share of [...this.#shares.values()]) {
      share.deleteExpired()
      this.#dropIfEmpty(share)
    }
    return this.#holders.size
  }

  #dropIfEmpty(share: CacheShare): void {
    if (share.entries === 0 && this.#shares.get(share.holder) === share) this.#shares.delete(share.holder)
  }
}

function isMeant(
  { owner, label }: CacheAddress,
  { owners, pattern }: CacheSelection & { readonly by: 'pattern' },
): boolean {
  return (owner === '' || owners.includes(owner)) && matchesGlob(pattern, label)
}
