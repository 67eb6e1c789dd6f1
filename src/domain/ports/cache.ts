import type { ChatEvent } from '../types.ts'

/** Where an answer is kept. */
export interface CacheAddress {
  /** Of the question, its target and whose it is: 43 characters. Equal questions of one owner have equal ids. */
  readonly id: string
  /** The caller whose answer it is; empty for answers in a namespace, which are shared. */
  readonly owner: string
  /** `<namespace>/<alias or model>`, by which answers are cleared. */
  readonly label: string
}

/** What is kept: the events of a chat after its start, or the vector of one input. */
export type CachedResult =
  | { readonly kind: 'chat'; readonly events: readonly ChatEvent[] }
  | { readonly kind: 'vector'; readonly vector: CachedVector }

export interface CachedVector {
  readonly values: number[]
  /** The provider and the model that made it. */
  readonly provider: string
  readonly model: string
  readonly responseModel: string
  /** Its share of what the call that made it cost, in USD; undefined where that is not known. */
  readonly usd: number | undefined
}

export interface CachedEntry {
  readonly answer: CachedResult
  /** Wall time in ms. */
  readonly storedAt: number
  /** What it takes in memory, estimated. */
  readonly bytes: number
}

/** Which answers are to be forgotten. */
export type CacheSelection =
  | { readonly by: 'all' }
  /** `pattern` is matched with labels, those of `owner` and of nobody. */
  | { readonly by: 'pattern'; readonly pattern: string; readonly owner: string }
  | { readonly by: 'id'; readonly id: string }

export interface CacheSize {
  readonly entries: number
  readonly maxEntries: number
  readonly bytes: number
  readonly maxBytes: number
  /** Answers that had to make room for others, since the start. */
  readonly evictions: number
}

/** Keeps answers. Trouble with what it keeps them in is never told here: it is a miss. */
export interface CacheStore {
  get(address: CacheAddress): CachedEntry | undefined | Promise<CachedEntry | undefined>
  /** `ttl` in ms. */
  set(address: CacheAddress, cached: CachedEntry, ttl: number): void
  /** How many were forgotten. */
  clear(selection: CacheSelection): Promise<number>
  size(): CacheSize
}

/** What the operator allows. Times in ms. */
export interface CacheRules {
  /** Whether calls that say nothing of it use the cache. */
  readonly enabled: boolean
  readonly ttl: number
  /** For answers that came by a fallback; 0 does not keep them. */
  readonly fallbackTtl: number
  /** Calls with a higher temperature neither take nor leave answers; undefined lets all. */
  readonly maxTemperature: number | undefined
}

/** Counts what the cache did. `usd`: what an answer would have cost, undefined where that is not known. */
export interface CacheObserver {
  hit(usd: number | undefined): void
  miss(): void
  /** A call was answered by another call's question, asked at the same time. */
  shared(usd: number | undefined): void
}
