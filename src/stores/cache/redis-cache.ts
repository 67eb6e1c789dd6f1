import type { Clock } from '../../domain/clock.ts'
import { GatewayError } from '../../domain/error.ts'
import type { CacheAddress, CachedEntry, CacheSelection, CacheSize, CacheStore } from '../../domain/ports/cache.ts'
import type { SharedStore } from '../../domain/ports/shared-store.ts'
import { matchesGlob } from '../../domain/text/glob.ts'
import { decodeStored, encodeStored, type Stored } from './cache-codec.ts'

const PREFIX = 'llm-gateway:cache:'
/** Of an id, a SHA-256 in base64url. */
const ID_LENGTH = 43
/** How many keys Redis looks at in one step: it serves nobody else meanwhile. */
const STEP = 500

/**
 * Keeps answers in Redis, for all gateways that use it. A key is `<owner>:<label>:<id>`, so that answers can be cleared
 * by whose they are and what they are about.
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
    return found?.then((stored) => stored?.kept)
  }

  /** What is not whole, or another question's, is removed. Undefined at once while Redis is in trouble. */
  find(address: CacheAddress): undefined | Promise<Stored | undefined> {
    return this.#store.available ? this.#read(address) : undefined
  }

  set(address: CacheAddress, kept: CachedEntry, ttl: number): void {
    const until = this.#clock.wall() + ttl
    const value = encodeStored(address.id, { kept, until })
    void this.#store.send('SET', [keyOf(address), value, 'PX', Math.ceil(ttl)])
  }

  /** Throws CACHE_UNAVAILABLE. */
  async clear(selection: CacheSelection): Promise<number> {
    let cleared = 0
    for (const pattern of patternsOf(selection)) {
      for await (const keys of this.#scan(pattern)) {
        const meant = keys.filter((key) => isMeant(key, selection))
        if (meant.length > 0) cleared += Number(await this.#ask('UNLINK', meant))
      }
    }
    return cleared
  }

  /** How much there is only Redis knows, and what it lets go of is for it to say. */
  size(): CacheSize {
    return { entries: 0, maxEntries: 0, bytes: 0, maxBytes: 0, evictions: 0 }
  }

  async #read(address: CacheAddress): Promise<Stored | undefined> {
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
      const reply = await this.#ask('SCAN', [cursor, 'MATCH', pattern, 'COUNT', STEP])
      const [next, keys] = reply as [Buffer, Buffer[]] // as Redis replies to SCAN
      cursor = next.toString()
      if (keys.length > 0) yield keys.map(String)
    } while (cursor !== '0')
  }

  async #ask(command: string, args: readonly (string | number)[]): Promise<unknown> {
    const reply = await this.#store.send(command, args)
    if (reply !== undefined) return reply
    const message = 'Redis is in trouble: not all answers could be forgotten. Try again.'
    throw new GatewayError('CACHE_UNAVAILABLE', message, { retryAfter: 1_000 })
  }
}

/** No owner's name holds a colon as it is written here, and no id does. */
function keyOf({ owner, label, id }: CacheAddress): string {
  return `${PREFIX}${encodeURIComponent(owner)}:${label}:${id}`
}

function patternsOf(selection: CacheSelection): string[] {
  const anyId = '?'.repeat(ID_LENGTH)
  if (selection.by === 'all') return [`${PREFIX}*`]
  if (selection.by === 'id') return [`${PREFIX}*:${selection.id}`]
  const label = selection.pattern.replace(/[\\[\]]/g, '\\$&')
  return [selection.owner, ''].map((owner) => `${PREFIX}${escaped(encodeURIComponent(owner))}:${label}:${anyId}`)
}

/** What `encodeURIComponent` leaves and Redis would read as a pattern. */
function escaped(text: string): string {
  return text.replaceAll('*', '\\*')
}

function isMeant(key: string, selection: CacheSelection): boolean {
  if (selection.by !== 'pattern') return true
  const rest = key.slice(PREFIX.length)
  const label = rest.slice(rest.indexOf(':') + 1, -ID_LENGTH - 1)
  return matchesGlob(selection.pattern, label)
}
