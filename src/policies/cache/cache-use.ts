import type { Duration } from '@bufbuild/protobuf/wkt'
import type { Call } from '../../domain/calls/call.ts'
import type { Planned } from '../../domain/calls/facts.ts'
import type { Clock } from '../../domain/clock.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import type { CacheAddress, CachedEntry, CacheObserver, CacheRules, CacheStore } from '../../domain/ports/cache.ts'
import { CacheMode } from '../../domain/types.ts'
import { nameOf } from './key.ts'

/** Parts that the cache policies need. */
export interface CacheParts {
  readonly store: CacheStore
  readonly observer: CacheObserver
  readonly clock: Clock
  /** Rules for an alias or `provider/model` and a task type; both may be empty. */
  rules(name: string, taskType: string): CacheRules
}

/** How one call uses the cache. Times in ms. */
export interface CacheUse {
  readonly takes: boolean
  /** Whether a miss may go to a provider. */
  readonly asks: boolean
  readonly namespace: string
  readonly ttl: number
  readonly fallbackTtl: number
  /** Maximum age of an entry. */
  readonly maxAge: number
}

/** The parts of a cache that stores nothing: only calls that require the cache notice it. */
export function withoutStore(clock: Clock): CacheParts {
  const rules: CacheRules = { enabled: false, ttl: 0, fallbackTtl: 0, maxTemperature: undefined }
  return { store: emptyStore, observer: unobserved, clock, rules: () => rules }
}

const emptyStore: CacheStore = {
  get: () => undefined,
  set() {},
  clear: async () => 0,
  size: () => ({ entries: 0, maxEntries: 0, bytes: 0, maxBytes: 0, evictions: 0 }),
}
const unobserved: CacheObserver = { hit() {}, miss() {}, shared() {} }

/** Undefined for a call that does not use the cache. Throws NOT_CACHED for a call that must use it and cannot. */
export function useOf(
  { rules }: CacheParts,
  { targets, request, wishes }: Call & Planned,
  temperature: number | undefined,
): CacheUse | undefined {
  const { cache } = request
  const mode = cache?.mode ?? CacheMode.UNSPECIFIED
  if (mode === CacheMode.BYPASS) return undefined
  const { enabled, ttl, fallbackTtl, maxTemperature } = rules(nameOf(targets), wishes.taskType)
  const isTooWarm = maxTemperature !== undefined && (temperature ?? 1) > maxTemperature
  if (!enabled || isTooWarm) {
    if (mode === CacheMode.ONLY_IF_CACHED) throw notCached()
    return undefined
  }
  const wanted = milliseconds(cache?.ttl)
  return {
    takes: mode !== CacheMode.REFRESH,
    asks: mode !== CacheMode.ONLY_IF_CACHED,
    namespace: cache?.namespace ?? '',
    ttl: wanted ?? ttl,
    fallbackTtl: Math.min(fallbackTtl, wanted ?? ttl),
    maxAge: milliseconds(cache?.maxAge) ?? Number.POSITIVE_INFINITY,
  }
}

/** The stored entry, unless it is too old for the call. */
export function take(
  parts: CacheParts,
  use: CacheUse,
  address: CacheAddress,
): CachedEntry | undefined | Promise<CachedEntry | undefined> {
  if (!use.takes) return undefined
  const freshEnough = (kept: CachedEntry | undefined) =>
    kept && parts.clock.wall() - kept.storedAt <= use.maxAge ? kept : undefined
  const found = parts.store.get(address)
  return found instanceof Promise ? found.then(freshEnough) : freshEnough(found)
}

export function notCached(): GatewayError {
  return new GatewayError('NOT_CACHED', 'cache.mode: the answer is not in the cache, and no provider may be asked.')
}

function milliseconds(duration: Duration | undefined): number | undefined {
  return duration && Number(duration.seconds) * 1000 + duration.nanos / 1e6
}
