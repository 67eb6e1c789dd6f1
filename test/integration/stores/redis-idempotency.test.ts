import type { Redis } from 'ioredis'
import { afterEach, beforeEach, expect } from 'vitest'
import { type Clock, systemClock } from '../../../src/domain/clock.ts'
import { MemoryIdempotency } from '../../../src/stores/idempotency/memory-idempotency.ts'
import { RedisIdempotency } from '../../../src/stores/idempotency/redis-idempotency.ts'
import { readRedisUrl } from '../../../src/stores/redis/redis-address.ts'
import { connectRedis, type RedisStore } from '../../../src/stores/redis/redis-store.ts'
import { eventually } from '../../support/eventually.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { keptText, keyedCall } from '../../support/keyed-calls.ts'
import { type RedisServer, startRedis } from '../../support/redis.ts'
import { test } from '../../support/redis-test.ts'

/* Idempotency keys of several gateways in one Redis. */

/** In ms. */
const LEASE = 60_000

let server: RedisServer
let redis: Redis
let stores: { readonly store: RedisStore; readonly keys: RedisIdempotency }[]

beforeEach(async () => {
  stores = []
  server = await startRedis()
  redis = await server.client()
})

afterEach(async () => {
  for (const { store, keys } of stores) {
    await keys.close()
    store.close()
  }
  await server.close()
})

/** Its leases are renewed by `clock`. */
async function gateway(clock: Clock = systemClock) {
  const address = readRedisUrl(server.url)
  if (!address) throw new Error('a good URL')
  const store = await connectRedis({ address, timeout: 20_000, clock: systemClock })
  const memory = new MemoryIdempotency({ clock: systemClock, ttl: 3_600_000, maxBytes: 1 << 20 })
  const keys = new RedisIdempotency({ store, clock, ttl: 3_600_000, memory, lease: LEASE })
  stores.push({ store, keys })
  return keys
}

const stored = (id: string) => `llm-gateway:idempotency:${id}`

test('a key is held by one call, until it is kept or released', async () => {
  const [one, two] = [await gateway(), await gateway()]
  const call = keyedCall('a')
  const again = { ...call, callId: 'another' }
  expect(await one.claim(call)).toEqual({ state: 'free' })
  expect(await two.claim(again)).toEqual({ state: 'running', callId: call.callId })
  expect(await two.claim({ ...again, fingerprint: 'another' })).toEqual({ state: 'reused' })
  await one.release(call)
  expect(await two.claim(again)).toEqual({ state: 'free' })
  // It holds the key no longer.
  await one.release(call)
  expect(await one.claim(call)).toEqual({ state: 'running', callId: 'another' })
  expect(await two.keep(again, keptText('hello'))).toBe(true)
  expect(await one.claim(call)).toEqual({ state: 'done', result: keptText('hello') })
  expect(await redis.pttl(stored('a'))).toBeGreaterThan(3_500_000)
})

test('a lease is renewed while its call runs, restored where Redis lost it, and ends when its gateway is gone', async () => {
  const clock = new FakeClock()
  const [one, two] = [await gateway(clock), await gateway()]
  const call = keyedCall('a')
  await one.claim(call)
  // As if half of it had passed.
  await redis.pexpire(stored('a'), LEASE / 2)
  await clock.advance(LEASE / 2)
  await eventually(async () => expect(await redis.pttl(stored('a'))).toBeGreaterThan(LEASE / 2))
  await redis.flushall()
  await clock.advance(LEASE / 2)
  await eventually(async () => expect(await redis.pttl(stored('a'))).toBeGreaterThan(0))
  expect(await two.claim({ ...call, callId: 'another' })).toEqual({ state: 'running', callId: call.callId })
  stores[0]?.store.close()
  // As if all of it had passed.
  await redis.pexpire(stored('a'), 1)
  await eventually(async () => (await two.claim({ ...call, callId: 'another' })).state === 'free')
  // The result of the first comes too late: the second runs.
  expect(await (await gateway()).keep(call, keptText('late'))).toBe(false)
  expect(await two.claim({ ...call, callId: 'a third' })).toEqual({ state: 'running', callId: 'another' })
})

test('a gateway that ends leaves no key taken', async () => {
  const [one, two] = [await gateway(), await gateway()]
  const [running, kept] = [keyedCall('running'), keyedCall('kept')]
  await one.claim(running)
  await one.claim(kept)
  const keeping = one.keep(kept, keptText('hello'))
  await one.close()
  expect(await two.claim(running)).toEqual({ state: 'free' })
  expect(await two.claim(kept)).toEqual({ state: 'done', result: keptText('hello') })
  expect(await keeping).toBe(true)
})

test('a result that is too large, and one that is damaged, is gone while its key stands', async () => {
  const one = await gateway()
  const [large, damaged] = [keyedCall('large'), keyedCall('damaged')]
  expect(await one.keep(large, keptText('x'.repeat(1 << 20)))).toBe(false)
  expect(await one.keep(damaged, keptText('hello'))).toBe(true)
  await redis.hset(stored('damaged'), 'result', 'hello')
  for (const call of [large, damaged]) {
    expect(await one.claim(call)).toEqual({ state: 'not kept', callId: call.callId })
  }
})

test('without Redis a key and its result are known to their gateway alone, which says so', async () => {
  const one = await gateway()
  const [before, meanwhile] = [keyedCall('before'), keyedCall('meanwhile')]
  expect(await one.claim(before)).toEqual({ state: 'free' })
  await server.kill()
  expect(await one.keep(before, keptText('hello'))).toBe(false)
  expect(await one.claim(meanwhile)).toEqual({
    state: 'free',
    warning: expect.stringContaining('Redis is unavailable'),
  })
  expect(await one.keep(meanwhile, keptText('hello'))).toBe(false)
  await server.start()
  await eventually(() => stores[0]?.store.available)
  for (const call of [before, meanwhile]) expect((await one.claim(call)).state).toBe('done')
})
