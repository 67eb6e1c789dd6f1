import type { Clock } from '../../domain/clock.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import type { AlertBook, ClaimedAlert } from '../../domain/ports/money/ledger-books.ts'
import type { Script, SharedStore } from '../../domain/ports/shared-store.ts'
import { defineScript } from '../redis/redis-store.ts'

const PREFIX = 'llm-gateway:alert:'
/** Keys of pending alerts, by the time of the server at which somebody last sent them. */
const PENDING = 'llm-gateway:alerts'
const MAX_TAKEN = 100

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`

/** KEYS: alert, pending; ARGV: key, alert, ms until it expires. */
const claim = defineScript(`${NOW}
if not redis.call('SET', KEYS[1], ARGV[2], 'NX', 'PX', ARGV[3]) then return 0 end
redis.call('ZADD', KEYS[2], now, ARGV[1])
return 1
`)

/** KEYS: pending; ARGV: keys. */
const keep = defineScript(`${NOW}
for _, key in ipairs(ARGV) do redis.call('ZADD', KEYS[1], 'XX', now, key) end
return 1
`)

/** KEYS: pending; ARGV: prefix, age, number. Returns each alert after its key. */
const take = defineScript(`${NOW}
local taken = {}
for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2], 'LIMIT', 0, ARGV[3])) do
  local alert = redis.call('GET', ARGV[1] .. key)
  if alert then
    redis.call('ZADD', KEYS[1], now, key)
    table.insert(taken, key)
    table.insert(taken, alert)
  else
    redis.call('ZREM', KEYS[1], key)
  end
end
return taken
`)

/** Keeps which alerts were sent in Redis: one key for each, and a sorted set of those that are pending. */
export class RedisAlertBook implements AlertBook {
  readonly #store: SharedStore
  readonly #clock: Clock

  constructor(store: SharedStore, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  async claimAlert({ key, id, body, expiresAt }: ClaimedAlert): Promise<boolean> {
    const alert = JSON.stringify({ id, body, expiresAt })
    const reply = await this.#run(claim, [PREFIX + key, PENDING], [key, alert, this.#ttl(expiresAt)])
    return reply === 1
  }

  async keepAlerts(keys: readonly string[]): Promise<void> {
    await this.#run(keep, [PENDING], keys)
  }

  async markAlertSent(key: string): Promise<void> {
    await this.#send('ZREM', [PENDING, key])
  }

  async expireAlert(key: string, at: number): Promise<void> {
    if (at > this.#clock.wall()) await this.#send('PEXPIRE', [PREFIX + key, this.#ttl(at)])
    else {
      await this.#send('DEL', [PREFIX + key])
      await this.#send('ZREM', [PENDING, key])
    }
  }

  async takePendingAlerts(age: number): Promise<readonly ClaimedAlert[]> {
    const reply = await this.#run(take, [PENDING], [PREFIX, age, MAX_TAKEN])
    const texts = Array.isArray(reply) ? reply.map(String) : []
    return texts.flatMap((key, at) => (at % 2 === 0 ? claimedAlert(key, texts[at + 1] ?? '') : []))
  }

  #ttl(expiresAt: number): number {
    return Math.max(1, Math.ceil(expiresAt - this.#clock.wall()))
  }

  async #run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    return replied(await this.#store.run(script, keys, args))
  }

  async #send(command: string, args: readonly (string | number)[]): Promise<unknown> {
    return replied(await this.#store.send(command, args))
  }
}

function replied(reply: unknown): unknown {
  if (reply === undefined) throw new GatewayError('LEDGER_UNAVAILABLE', 'Redis does not keep alerts at present.')
  return reply
}

function claimedAlert(key: string, text: string): ClaimedAlert[] {
  try {
    const { id, body, expiresAt }: Partial<ClaimedAlert> = JSON.parse(text)
    return id && body && expiresAt ? [{ key, id, body, expiresAt }] : []
  } catch {
    return []
  }
}
