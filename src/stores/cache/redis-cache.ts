import type { Clock } from '../../domain/clock.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import type { CacheAddress, CachedEntry, CacheSelection, CacheSize, CacheStore } from '../../domain/ports/cache.ts'
import type { SharedStore } from '../../domain/ports/shared-store.ts'
import { matchesGlob } from '../../domain/text/glob.ts'
import { decodeStored, encodeStored, type StoredEntry } from './cache-codec.ts'

const PREFIX = 'llm-gateway:cache:'
/** Length of an id, a SHA-256 in base64url. */
const ID_LENGTH = 43
/** Keys per SCAN step, during which Redis serves no other client. */
const SCAN_COUNT = 500

/**
 * Stores results in Redis, for all gateways that use it. A key is `<owner>:<label>:<id>`, so that results can be cleared
 * by owner and label.
 */
export class RedisCache implements CacheStore {
  readonly #store: SharedStore
  readonly #clock: Clock

  constructor(options: { readonly store: SharedStore; readonly clock: Clock }) {
    this.#store = options.store
    this.#clock = options.clock
  }

  get(address: CacheAddress): undefined | Promise<CachedEntry | undefined> {
    const found = this.find(address)
    return found?.then((stored) => stored?.entry)
  }

  /** Removes damaged entries and those of another request. Undefined at once while Redis is unavailable. */
  find(address: CacheAddress): undefined | Promise<StoredEntry | undefined> {
    return this.#store.available ? this.#read(address) : undefined
  }

  set(address: CacheAddress, entry: CachedEntry, ttl: number): void {
    const until = this.#clock.wall() + ttl
    const value = encodeStored(address.id, { entry, until })
    void this.#store.send('SET', [keyOf(address), value, 'PX', Math.ceil(ttl)])
  }

  /** Throws CACHE_UNAVAILABLE. */
  async clear(selection: CacheSelection): Promise<number> {
    let cleared = 0
    for (const pattern of patternsOf(selection)) {
      for await (const keys of this.#scan(pattern)) {
        const meant = keys.filter((key) => isMeant(key, selection))
        if (meant.length > 0) cleared += Number(await this.#request('UNLINK', meant))
      }
    }
    return cleared
  }

  /** Zero, because only Redis knows its size and evictions. */
  size(): CacheSize {
    return { entries: 0, maxEntries: 0, bytes: 0, maxBytes: 0, evictions: 0 }
  }

  async #read(address: CacheAddress): Promise<StoredEntry | undefined> {
    const key = keyOf(address)
    const value = await this.#store.send('GET', [key])
    if (!Buffer.isBuffer(value)) return undefined
    const stored = decodeStored(address.id, value)
    if (!stored) void this.#store.send('UNLINK', [key])
    return stored
  }

  async *#scan(pattern: string): AsyncGenerator<string[]> {
    let cursor = '0'
    do {
      const reply = await this.#request('SCAN', [cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT])
      const [next, keys] = reply as [Buffer, Buffer[]] // as Redis replies to SCAN
      cursor = next.toString()
      if (keys.length > 0) yield keys.map(String)
    } while (cursor !== '0')
  }

  async #request(command: string, args: readonly (string | number)[]): Promise<unknown> {
    const reply = await this.#store.send(command, args)
    if (reply !== undefined) return reply
    const message = 'Redis is unavailable, so not all cached responses were cleared. Try again.'
    throw new GatewayError('CACHE_UNAVAILABLE', message, { retryAfter: 1_000 })
  }
}

/** Neither an encoded owner nor an id contains a colon. */
function keyOf({ owner, label, id }: CacheAddress): string {
  return `${PREFIX}${encodeURIComponent(owner)}:${label}:${id}`
}

function patternsOf(selection: CacheSelection): string[] {
  const anyId = '?'.repeat(ID_LENGTH)
  if (selection.by === 'all') return [`${PREFIX}*`]
  if (selection.by === 'id') return [`${PREFIX}*:${selection.id}`]
  const label = selection.pattern.replace(/[\\[\]]/g, '\\$&')
  return [...selection.owners, ''].map((owner) => `${PREFIX}${escaped(encodeURIComponent(owner))}:${label}:${anyId}`)
}

/** Escapes what `encodeURIComponent` leaves and Redis reads as a pattern. */
function escaped(text: string): string {
  return text.replaceAll('*', '\\*')
}

function isMeant(key: string, selection: CacheSelection): boolean {
  if (selection.by !== 'pattern') return true
  const rest = key.slice(PREFIX.length)
  const label = rest.slice(rest.indexOf(':') + 1, -ID_LENGTH - 1)
  return matchesGlob(selection.pattern, label)
}
