import { LRUCache } from 'lru-cache'
import type { Clock } from '../../domain/clock.ts'
import type { CacheAddress, CachedEntry } from '../../domain/ports/cache.ts'

/** Memory of a slot beside its result, in bytes. */
const SLOT_BYTES = 300

interface Slot {
  readonly address: CacheAddress
  readonly entry: CachedEntry
}

/** Receives what a share holds, and what it holds no longer. */
interface ShareObserver {
  added(id: string, bytes: number): void
  removed(id: string, bytes: number): void
}

/** The results that one holder has stored, in the order in which they were used. */
export class CacheShare {
  readonly holder: string
  readonly #slots: LRUCache<string, Slot>
  readonly #maxBytes: number
  readonly #observer: ShareObserver

  /** A result that is larger than `maxBytes` is not stored. */
  constructor(
    holder: string,
    { clock, maxBytes }: { readonly clock: Clock; readonly maxBytes: number },
    observer: ShareObserver,
  ) {
    this.holder = holder
    this.#maxBytes = maxBytes
    this.#observer = observer
    this.#slots = new LRUCache<string, Slot>({
      // The owner of the shares bounds them all together; without a bound of its own the list takes no room in advance.
      maxSize: Number.MAX_SAFE_INTEGER,
      sizeCalculation: sizeOf,
      perf: clock,
      ttlResolution: 0,
      dispose: (slot, id) => observer.removed(id, sizeOf(slot)),
    })
  }

  get entries(): number {
    return this.#slots.size
  }

  get bytes(): number {
    return this.#slots.calculatedSize
  }

  get(id: string): CachedEntry | undefined {
    return this.#slots.get(id)?.entry
  }

  /** `ttl` in ms. */
  set(address: CacheAddress, entry: CachedEntry, ttl: number): void {
    const slot = { address, entry }
    const bytes = sizeOf(slot)
    if (bytes > this.#maxBytes) return
    this.#slots.set(address.id, slot, { ttl })
    this.#observer.added(address.id, bytes)
  }

  delete(id: string): void {
    this.#slots.delete(id)
  }

  deleteOldest(): void {
    this.#slots.pop()
  }

  deleteExpired(): void {
    this.#slots.purgeStale()
  }

  addresses(): readonly CacheAddress[] {
    return [...this.#slots.values()].map(({ address }) => address)
  }
}

function sizeOf({ address, entry }: Slot): number {
  return SLOT_BYTES + address.label.length + entry.bytes
}
