import type { ChatEvent } from '../types.ts'

/** Address of a cache entry. */
export interface CacheAddress {
  /** Hash of the request, its targets and its owner, 43 characters. Equal requests of one owner have equal ids. */
  readonly id: string
  /** Id of the caller that owns the entry; empty for entries in a namespace, which are shared. */
  readonly owner: string
  /** Whose share of the store the entry takes: the caller that stores it. */
  readonly holder: string
  /** `<namespace>/<alias or model>`, matched when entries are cleared. */
  readonly label: string
}

/** Content of a cache entry: the events of a chat after its start, or the vector of one input. */
export type CachedResult =
  | { readonly kind: 'chat'; readonly events: readonly ChatEvent[] }
  | { readonly kind: 'vector'; readonly vector: CachedVector }

export interface CachedVector {
  readonly values: number[]
  /** Provider and model that computed it. */
  readonly provider: string
  readonly model: string
  readonly responseModel: string
  /** Its share of the cost of the call that computed it, in USD; undefined when unknown. */
  readonly usd: number | undefined
}

export interface CachedEntry {
  readonly answer: CachedResult
  /** Wall time in ms. */
  readonly storedAt: number
  /** Estimated size in memory. */
  readonly bytes: number
}

/** Selects the entries to remove. */
export type CacheSelection =
  | { readonly by: 'all' }
  /** `pattern` is matched with the labels of entries that one of `owners` owns or that nobody owns. */
  | { readonly by: 'pattern'; readonly pattern: string; readonly owners: readonly string[] }
  | { readonly by: 'id'; readonly id: string }

export interface CacheSize {
  readonly entries: number
  readonly maxEntries: number
  readonly bytes: number
  readonly maxBytes: number
  /** Entries removed to make room for others, since the start. */
  readonly evictions: number
}

/** Stores responses. A failure of the underlying storage is a miss, never an error. */
export interface CacheStore {
  get(address: CacheAddress): CachedEntry | undefined | Promise<CachedEntry | undefined>
  /** `ttl` in ms. */
  set(address: CacheAddress, cached: CachedEntry, ttl: number): void
  /** Returns the number of entries removed. */
  clear(selection: CacheSelection): Promise<number>
  size(): CacheSize
}

/** The operator's rules. Times in ms. */
export interface CacheRules {
  /** Whether calls that do not mention the cache use it. */
  readonly enabled: boolean
  readonly ttl: number
  /** For responses of a fallback target; 0 does not store them. */
  readonly fallbackTtl: number
  /** Calls with a higher temperature do not use the cache; undefined means no bound. */
  readonly maxTemperature: number | undefined
}

/** Counts cache use. `usd` is what a response would have cost, undefined when unknown. */
export interface CacheObserver {
  hit(usd: number | undefined): void
  miss(): void
  /** A call received the response of an equal call that was under way. */
  shared(usd: number | undefined): void
}
