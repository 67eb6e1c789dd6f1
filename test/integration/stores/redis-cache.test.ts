import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest'
import { systemClock } from '../../../src/domain/clock.ts'
import { finishEvent, textEvent } from '../../../src/domain/events.ts'
import type { CacheAddress, CachedEntry } from '../../../src/domain/ports/cache.ts'
import { FinishReason } from '../../../src/domain/types.ts'
import { encodeStored } from '../../../src/stores/cache/cache-codec.ts'
import { HybridCache, NEAR_TTL } from '../../../src/stores/cache/hybrid-cache.ts'
import { MemoryCache } from '../../../src/stores/cache/memory-cache.ts'
import { RedisCache } from '../../../src/stores/cache/redis-cache.ts'
import { Broadcast } from '../../../src/stores/redis/broadcast.ts'
import { readRedisUrl } from '../../../src/stores/redis/redis-address.ts'
import { connectRedis, type RedisStore } from '../../../src/stores/redis/redis-store.ts'
import { type RedisServer, startRedis } from '../../support/redis.ts'
import { test } from '../../support/redis-test.ts'

const clock = systemClock
const idOf = (letter: string) => letter.repeat(43)
const at = (letter: string, label = '/up/m', owner = 'ada'): CacheAddress => ({ id: idOf(letter), owner, label })

function chatOf(...texts: string[]): CachedEntry {
  const finish = finishEvent({
    finishReason: FinishReason.STOP,
    rawFinishReason: 'stop',
    usage: { $typeName: 'llmgateway.v1.Usage', input: 3, output: 0, estimated: false },
    cost: { $typeName: 'llmgateway.v1.Cost', usd: 0.5, inputUsd: 0.5, outputUsd: 0, estimated: false },
  })
  return { answer: { kind: 'chat', events: [...texts.map((text) => textEvent(text)), finish] }, storedAt: 17, bytes: 1 }
}

describe('on a real Redis', () => {
  let server: RedisServer
  const stores: RedisStore[] = []
  const feeds: Broadcast[] = []

  beforeAll(async () => {
    server = await startRedis()
  })
  afterEach(async () => {
    for (const feed of feeds.splice(0)) feed.close()
    for (const store of stores.splice(0)) store.close()
    const client = await server.client()
    await client.flushall()
  })
  afterAll(() => server?.close())

  async function connect(timeout = 2_000): Promise<RedisStore> {
    const address = readRedisUrl(server.url)
    if (!address) throw new Error('a URL of ours')
    const store = await connectRedis({ address, timeout, clock })
    stores.push(store)
    return store
  }

  async function hybrid(origin: string) {
    const store = await connect()
    const broadcast = new Broadcast({ store, clock, origin })
    feeds.push(broadcast)
    const near = new MemoryCache({ clock, maxEntries: 10, maxBytes: 1 << 20, maxTtl: NEAR_TTL })
    return {
      near,
      broadcast,
      store,
      cache: new HybridCache({ near, far: new RedisCache({ store, clock }), broadcast, clock }),
    }
  }

  test('an answer that one keeps the others have, for its time', async () => {
    const [one, other] = [await connect(), await connect()].map((store) => new RedisCache({ store, clock }))
    one?.set(at('a'), chatOf('hi'), 300)
    await expect.poll(async () => (await other?.get(at('a')))?.answer).toEqual(chatOf('hi').answer)
    await expect.poll(async () => await other?.get(at('a')), { timeout: 3_000 }).toBeUndefined()
  })

  test.each<[string, (whole: Buffer) => Buffer]>([
    ['garbage', () => Buffer.from('not ours')],
    ['nothing', () => Buffer.alloc(0)],
    ['an older form', (whole) => Buffer.concat([whole.subarray(0, 3), Buffer.from([0]), whole.subarray(4)])],
    ['another question’s answer', () => encodeStored(idOf('z'), { entry: chatOf('foreign'), until: 99 })],
  ])('what is damaged is a miss, and is removed: %s', async (_, damage) => {
    const cache = new RedisCache({ store: await connect(), clock })
    const client = await server.client()
    const key = `llm-gateway:cache:ada:/up/m:${idOf('a')}`
    await client.set(key, damage(encodeStored(idOf('a'), { entry: chatOf('x'), until: 99 })))
    expect(await cache.get(at('a'))).toBeUndefined()
    await expect.poll(() => client.exists(key)).toBe(0)
  })

  test('clears what is meant, among many, and nobody else’s', async () => {
    const cache = new RedisCache({ store: await connect(), clock })
    const client = await server.client()
    for (let index = 0; index < 1_200; index++) {
      const id = String(index).padStart(43, '0')
      cache.set({ id, owner: index % 2 ? 'a*b:c' : 'ada', label: `ns/m${index % 3}` }, chatOf('x'), 60_000)
    }
    cache.set(at('s', 'ns/m1', ''), chatOf('x'), 60_000)
    await client.set('someone-else', 'x')
    const count = async () => (await client.keys('llm-gateway:cache:*')).length
    await expect.poll(count).toBe(1_201)
    expect(await cache.clear({ by: 'pattern', pattern: 'ns/m1', owner: 'a*b:c' })).toBe(201)
    expect(await cache.clear({ by: 'pattern', pattern: '[n]*', owner: 'ada' })).toBe(0)
    expect(await cache.clear({ by: 'pattern', pattern: 'ns/m?', owner: 'ada' })).toBe(600)
    expect(await cache.clear({ by: 'id', id: '1'.padStart(43, '0') })).toBe(0)
    expect(await cache.clear({ by: 'id', id: '3'.padStart(43, '0') })).toBe(1)
    expect(await cache.clear({ by: 'all' })).toBe(399)
    expect(await count()).toBe(0)
    expect(await client.get('someone-else')).toBe('x')
  })

  test('with a memory in front, what one clears all forget within a second', async () => {
    const [one, other] = [await hybrid('one'), await hybrid('other')]
    one.cache.set(at('a'), chatOf('hi'), 60_000)
    await expect.poll(async () => (await other.cache.get(at('a')))?.answer).toEqual(chatOf('hi').answer)
    expect(other.near.get(at('a'))).toBeDefined()
    // Long enough for both to know what the news are.
    await new Promise((resolve) => setTimeout(resolve, 700))
    expect(await one.cache.clear({ by: 'pattern', pattern: '/up/*', owner: 'ada' })).toBe(1)
    await expect.poll(() => other.near.get(at('a')), { timeout: 1_000 }).toBeUndefined()
    expect(await other.cache.get(at('a'))).toBeUndefined()
  })

  test('an answer that is about to expire there does not live longer in the memory', async () => {
    const [one, other] = [await hybrid('one'), await hybrid('other')]
    one.cache.set(at('a'), chatOf('hi'), 800)
    await expect.poll(async () => await other.cache.get(at('a'))).toBeDefined()
    await expect.poll(async () => await other.cache.get(at('a')), { timeout: 3_000 }).toBeUndefined()
  })

  test('news reach all others in order, not the one who told them, and go on after Redis was flushed', async () => {
    const [one, other] = [await hybrid('one'), await hybrid('other')]
    const heard: unknown[] = []
    other.broadcast.listen('t', (broadcast) => heard.push(broadcast))
    one.broadcast.listen('t', () => heard.push('its own'))
    await new Promise((resolve) => setTimeout(resolve, 700))
    for (let index = 0; index < 5; index++) one.broadcast.notify('t', index)
    await expect.poll(() => heard, { timeout: 3_000 }).toEqual([0, 1, 2, 3, 4])
    const client = await server.client()
    await client.flushall()
    await client.xadd('llm-gateway:news', '*', 'news', 'not JSON')
    one.broadcast.notify('t', 'after')
    await expect.poll(() => heard.at(-1), { timeout: 3_000 }).toBe('after')
  })

  test('a Redis that is gone is a miss at once, and clearing says so', async () => {
    const store = await connect(200)
    const cache = new RedisCache({ store, clock })
    cache.set(at('a'), chatOf('hi'), 60_000)
    await server.kill()
    await expect.poll(() => store.available).toBe(false)
    expect(cache.get(at('a'))).toBeUndefined()
    cache.set(at('b'), chatOf('hi'), 60_000)
    await expect(cache.clear({ by: 'all' })).rejects.toMatchObject({ reason: 'CACHE_UNAVAILABLE' })
    await server.start()
    await expect.poll(() => store.available, { timeout: 5_000 }).toBe(true)
    cache.set(at('c'), chatOf('back'), 60_000)
    await expect.poll(async () => await cache.get(at('c'))).toBeDefined()
  })
})
