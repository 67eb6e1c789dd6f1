import type { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect } from 'vitest'
import { type Clock, systemClock } from '../../../src/domain/clock.ts'
import type { Quota, RateLimits } from '../../../src/domain/limits/limits.ts'
import type { Limiter } from '../../../src/domain/ports/limiter.ts'
import { MemoryLimiter } from '../../../src/stores/limits/memory-limiter.ts'
import { RedisLimiter } from '../../../src/stores/limits/redis-limiter.ts'
import { readRedisUrl } from '../../../src/stores/redis/redis-address.ts'
import { connectRedis, type RedisStore } from '../../../src/stores/redis/redis-store.ts'
import { eventually } from '../../support/eventually.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { type RedisServer, startRedis } from '../../support/redis.ts'
import { test } from '../../support/redis-test.ts'
import { startProxy, type TcpProxy } from '../../support/tcp-proxy.ts'

/* Several gateways on one Redis, as far as limits go. */

let server: RedisServer
let proxy: TcpProxy
let redis: Redis
let gateways: { store: RedisStore; limiter: RedisLimiter }[]
let calls: number

interface Options {
  readonly local?: Limiter | undefined
  /** By which Redis is waited for. Default: the system's. */
  readonly clock?: Clock
  /** By which leases are renewed. Default: the system's. */
  readonly leaseClock?: Clock
  readonly timeout?: number
}

/** How long a place stays taken that is not renewed, in ms. */
const LEASE = 60_000

async function gateway(options: Options = {}) {
  const { clock = systemClock, leaseClock = systemClock, timeout = 20_000 } = options
  const { local = new MemoryLimiter({ clock }) } = options
  const address = readRedisUrl(`redis://127.0.0.1:${proxy.port}`)
  if (!address) throw new Error('a good URL')
  const store = await connectRedis({ address, timeout, clock })
  const limiter = new RedisLimiter({ store, clock: leaseClock, local, lease: LEASE })
  gateways.push({ store, limiter })
  return {
    store,
    limiter,
    reserve: (quotas: Quota | Quota[], tokens = 0, enforced = true, id = `call-${calls++}`) =>
      limiter.reserve(id, [quotas].flat(), tokens, enforced),
  }
}

const strict = { reserve: () => Promise.reject(new Error('counted here')) } satisfies Limiter

const quota = (limits: Partial<RateLimits>, subject = 'web'): Quota => ({
  scope: 'caller',
  subject,
  name: subject,
  limits: { window: 600_000, ...limits },
})

beforeEach(async () => {
  calls = 0
  gateways = []
  server = await startRedis()
  proxy = await startProxy(server.port)
  redis = await server.client()
})

afterEach(async () => {
  for (const { store, limiter } of gateways) {
    limiter.close()
    store.close()
  }
  await proxy.close()
  await server.close()
})

test('gateways let exactly the limit through together', async () => {
  const options = { local: strict }
  const some = await Promise.all([gateway(options), gateway(options), gateway(options)])
  const reservations = await Promise.all(
    Array.from({ length: 1_000 }, (_, call) => some[call % 3]?.reserve(quota({ requests: 100 }))),
  )
  expect(reservations.filter((reservation) => reservation?.refusal === undefined)).toHaveLength(100)
})

test('tokens are reserved and corrected together', async () => {
  const options = { local: strict }
  const [a, b] = await Promise.all([gateway(options), gateway(options)])
  const first = await a.reserve(quota({ tokens: 1000 }), 600)
  expect((await b.reserve(quota({ tokens: 1000 }), 600)).refusal).toMatchObject({ kind: 'tokens', remaining: 400 })
  first.settle(100)
  await eventually(async () => expect(await redis.hget('llm-gateway:limit:caller:web', 'tokens')).toBe('100'))
  const second = await b.reserve(quota({ tokens: 1000 }), 600)
  expect(second.limitStatus).toMatchObject({ kind: 'tokens', limit: 1000, remaining: 300 })
  second.settle(1_000)
  await eventually(async () => expect(await redis.hget('llm-gateway:limit:caller:web', 'tokens')).toBe('1100'))
})

test('a call is counted once, and settled once, however often it is told', async () => {
  const { reserve } = await gateway()
  const limits = quota({ requests: 10, tokens: 1000, concurrent: 5 })
  const twice = [await reserve(limits, 300, true, 'same'), await reserve(limits, 300, true, 'same')]
  expect(twice.map((each) => each.limitStatus?.remaining)).toEqual([9, 9])
  expect(await redis.hgetall('llm-gateway:limit:caller:web')).toMatchObject({ requests: '1', tokens: '300' })
  expect(await redis.zcard('llm-gateway:limit:caller:web:active')).toBe(1)
  for (const each of twice) each.settle(50)
  await eventually(async () => expect(await redis.zcard('llm-gateway:limit:caller:web:active')).toBe(0))
  expect(await redis.hgetall('llm-gateway:limit:caller:web')).toMatchObject({ requests: '1', tokens: '50' })
})

test('a window begins with its first call and ends by the time of Redis', async () => {
  const { reserve } = await gateway()
  const one = quota({ requests: 1, window: 60_000 })
  expect((await reserve(one)).limitStatus).toMatchObject({ reset: 60_000 })
  expect((await reserve(one)).refusal).toMatchObject({ kind: 'requests', remaining: 0 })
  // As if the window had begun that long ago.
  const [seconds] = await redis.time()
  await redis.hset('llm-gateway:limit:caller:web', 'start', String((Number(seconds) - 61) * 1_000))
  expect((await reserve(one)).refusal).toBeUndefined()
})

test('what ends in the next window does not change it', async () => {
  const { reserve } = await gateway()
  const old = await reserve(quota({ tokens: 1000 }), 900)
  // As if the window had been another one.
  await redis.hset('llm-gateway:limit:caller:web', 'start', String(Date.now() - 1_000), 'tokens', '500')
  old.settle(0)
  await eventually(async () => expect(await redis.get('llm-gateway:limit:call:call-0')).toBe('settled'))
  expect(await redis.hget('llm-gateway:limit:caller:web', 'tokens')).toBe('500')
})

test('a call that one limit refuses counts against no other', async () => {
  const { reserve } = await gateway()
  const other = quota({ requests: 5, tokens: 100, concurrent: 5 }, 'other')
  await reserve(quota({ requests: 1 }))
  const refused = await reserve([other, quota({ requests: 1 })], 10)
  expect(refused.refusal).toMatchObject({ quota: { subject: 'web' }, kind: 'requests', limit: 1 })
  expect(await redis.exists('llm-gateway:limit:caller:other', 'llm-gateway:limit:caller:other:active')).toBe(0)
})

test('limits that are not enforced are told and counted', async () => {
  const { reserve } = await gateway()
  const refusals = []
  for (let call = 0; call < 3; call++) refusals.push((await reserve(quota({ requests: 1 }), 0, false)).refusal?.kind)
  expect(refusals).toEqual([undefined, 'requests', 'requests'])
  expect(await redis.hget('llm-gateway:limit:caller:web', 'requests')).toBe('3')
})

test('users are not named in Redis, and everything there comes to an end', async () => {
  const { reserve } = await gateway()
  await reserve({ ...quota({ requests: 1, concurrent: 1 }, 'web/alice'), scope: 'user' })
  const keys = await redis.keys('*')
  expect(keys.join()).not.toContain('alice')
  for (const key of keys) expect(await redis.pttl(key)).toBeGreaterThan(0)
})

describe('places', () => {
  const three = quota({ concurrent: 3 })
  const LEASES = 'llm-gateway:limit:caller:web:active'
  /** The end of the first place to become free, by the clock of Redis, in ms. */
  const end = async () => Number((await redis.zrange(LEASES, '0', '0', 'WITHSCORES'))[1])
  /** As if so many ms had passed since places were renewed. */
  const age = async (ms: number) => {
    for (const call of await redis.zrange(LEASES, '0', '-1')) await redis.zincrby(LEASES, -ms, call)
  }

  test('are shared, and free again when calls end', async () => {
    const [a, b] = await Promise.all([gateway(), gateway()])
    const held = [await a.reserve(three), await b.reserve(three), await a.reserve(three)]
    expect((await b.reserve(three)).refusal).toMatchObject({ kind: 'concurrent', reset: 1_000 })
    held[0]?.settle(0)
    await eventually(async () => expect((await b.reserve(three)).refusal).toBeUndefined())
  })

  test('are kept for as long as a call takes', async () => {
    const leaseClock = new FakeClock()
    const { reserve } = await gateway({ leaseClock })
    const held = await reserve(quota({ concurrent: 1 }))
    const first = await end()
    await age(LEASE / 2)
    await leaseClock.advance(LEASE / 2)
    await eventually(async () => expect(await end()).toBeGreaterThanOrEqual(first))
    expect((await reserve(quota({ concurrent: 1 }))).refusal).toBeDefined()
    held.settle(0)
    await eventually(async () => expect((await reserve(quota({ concurrent: 1 }))).refusal).toBeUndefined())
  })

  test('of a gateway that was killed come back', async () => {
    const [killed, alive] = await Promise.all([gateway(), gateway()])
    for (let call = 0; call < 3; call++) await killed.reserve(three)
    expect((await alive.reserve(three)).refusal).toBeDefined()
    killed.limiter.close()
    killed.store.close()
    await age(LEASE)
    expect((await alive.reserve(three)).refusal).toBeUndefined()
  })

  test('are put back when Redis was flushed', async () => {
    const leaseClock = new FakeClock()
    const { reserve } = await gateway({ leaseClock })
    await reserve(quota({ concurrent: 1 }))
    await redis.flushall()
    await leaseClock.advance(LEASE / 2)
    await eventually(async () => expect(await redis.zcard(LEASES)).toBe(1))
    expect((await reserve(quota({ concurrent: 1 }))).refusal).toBeDefined()
  })
})

describe('while Redis is in trouble', () => {
  test('each gateway lets its share through, and Redis counts again when it is well', async () => {
    const local = new MemoryLimiter({ clock: systemClock, share: 1 / 3 })
    const { store, limiter, reserve } = await gateway({ local, timeout: 200 })
    server.stop()
    const through: boolean[] = []
    for (let call = 0; call < 5; call++) through.push((await reserve(quota({ requests: 9 }))).refusal === undefined)
    expect(through).toEqual([true, true, true, false, false])
    expect(limiter.without).toBe(5)
    server.resume()
    await eventually(() => expect(store.available).toBe(true))
    // The first one may have reached it before it stood still: its place in the window stays taken.
    await eventually(async () => expect((await reserve(quota({ requests: 9 }))).limitStatus?.limit).toBe(9))
  })

  test('calls are refused where that is wanted, and only while limits are enforced', async () => {
    const address = readRedisUrl(`redis://127.0.0.1:${proxy.port}`)
    if (!address) throw new Error('a good URL')
    const store = await connectRedis({ address, timeout: 200, clock: systemClock })
    const limiter = new RedisLimiter({ store, clock: systemClock, local: undefined })
    gateways.push({ store, limiter })
    await server.kill()
    const refusal = { reason: 'LIMITS_UNAVAILABLE', code: 'UNAVAILABLE', facts: { retryAfter: 1_000 } }
    await expect(limiter.reserve('a', [quota({ requests: 9 })], 0, true)).rejects.toMatchObject(refusal)
    expect((await limiter.reserve('b', [quota({ requests: 9 })], 0, false)).refusal).toBeUndefined()
  })

  test('a call whose reply was lost is counted once, and gives back what it did not use', async () => {
    const clock = new FakeClock()
    const { store, reserve } = await gateway({ clock, timeout: 1_000 })
    const limits = quota({ requests: 10, tokens: 1000, concurrent: 5 })
    // So that Redis knows the script.
    await reserve(quota({ requests: 10 }, 'other'))
    proxy.eatsReplies = true
    const pending = reserve(limits, 300)
    await eventually(async () => expect(await redis.hget('llm-gateway:limit:caller:web', 'requests')).toBe('1'))
    await clock.passUntil(() => !store.available)
    const lost = await pending
    expect(lost.refusal).toBeUndefined()
    proxy.eatsReplies = false
    await clock.passUntil(() => store.available)
    expect(await redis.hgetall('llm-gateway:limit:caller:web')).toMatchObject({ requests: '1', tokens: '300' })
    lost.settle(40)
    await eventually(async () => expect(await redis.zcard('llm-gateway:limit:caller:web:active')).toBe(0))
    expect(await redis.hgetall('llm-gateway:limit:caller:web')).toMatchObject({ requests: '1', tokens: '40' })
  })
})

const shared = (tokens: number, holder: string): Quota => ({ ...quota({ tokens }, 'alias'), scope: 'alias', holder })

test('running calls of one caller take at most half of a limit from the others, at all gateways together', async () => {
  const [one, two] = [await gateway({ local: strict }), await gateway({ local: strict })]
  const mine = await Promise.all(Array.from({ length: 12 }, () => one.reserve(shared(1_000, 'key:a'), 100)))
  expect(mine.filter(({ refusal }) => !refusal)).toHaveLength(10)
  const other = await two.reserve(shared(1_000, 'key:b'), 2_000_000_000)
  expect(other.refusal).toBeUndefined()
  expect((await two.reserve(shared(1_000, 'key:c'), 1)).refusal?.kind).toBe('tokens')
  for (const call of mine) call.settle(0)
  await eventually(async () => {
    expect((await two.reserve(shared(1_000, 'key:c'), 0)).limitStatus?.remaining).toBe(500)
  })
  other.settle(700)
  await eventually(async () => {
    expect((await one.reserve(shared(1_000, 'key:a'), 0)).limitStatus?.remaining).toBe(300)
  })
})

test('what reservations keep counts for everybody when its call has ended', async () => {
  const { reserve } = await gateway({ local: strict })
  const calls = await Promise.all([1, 2].map(() => reserve(shared(1_000, 'key:a'), 500)))
  for (const call of calls) call.settle(undefined)
  await eventually(async () => {
    expect((await reserve(shared(1_000, 'key:b'), 0)).limitStatus?.remaining).toBe(0)
  })
})

test('a window that is over takes its shares with it', async () => {
  const { reserve } = await gateway({ local: strict })
  const brief = (holder: string): Quota => ({ ...shared(1_000, holder), limits: { tokens: 1_000, window: 40 } })
  const held = await reserve(brief('key:a'), 500)
  await eventually(async () => expect((await reserve(brief('key:b'), 500)).limitStatus?.remaining).toBe(500))
  held.settle(0)
  await eventually(async () => expect((await reserve(brief('key:a'), 1)).limitStatus?.remaining).toBe(999))
})

test('a caller whose name ends like the key of another’s leases has counts of its own', async () => {
  const { reserve } = await gateway({ local: strict })
  const limits = { requests: 2, concurrent: 2 }
  const names = ['jwt:alice', 'jwt:alice:active', 'jwt:alice%3Aactive']
  for (const name of names) {
    expect((await reserve(quota(limits, name))).limitStatus?.remaining).toBe(1)
    expect((await reserve(quota(limits, name))).limitStatus?.remaining).toBe(0)
  }
})
