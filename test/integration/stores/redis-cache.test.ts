import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from 'vitest'
import type { CacheAddress, CachedEntry } from '../../../src/domain/ports/cache.ts'
import { finishEvent, textEvent } from '../../../src/domain/streams/events.ts'
import { FinishReason } from '../../../src/domain/types.ts'
import { encodeStored } from '../../../src/stores/cache/cache-codec.ts'
import { HybridCache, NEAR_TTL } from '../../../src/stores/cache/hybrid-cache.ts'
import { MemoryCache } from '../../../src/stores/cache/memory-cache.ts'
import { RedisCache } from '../../../src/stores/cache/redis-cache.ts'
import { Broadcast } from '../../../src/stores/redis/broadcast.ts'
import { readRedisUrl } from '../../../src/stores/redis/redis-address.ts'
import { connectRedis, type RedisStore } from '../../../src/stores/redis/redis-store.ts'
import { eventually } from '../../support/eventually.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { type RedisServer, startRedis } from '../../support/redis.ts'
import { test } from '../../support/redis-test.ts'

const idOf = (letter: string) => letter.repeat(43)
const at = (letter: string, label = '/up/m', owner = 'ada'): CacheAddress => ({
  id: idOf(letter),
  owner,
  label,
  holder: owner,
})

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
  let clock: FakeClock
  const stores: RedisStore[] = []
  const feeds: Broadcast[] = []

  beforeAll(async () => {
    server = await startRedis()
  })
  beforeEach(() => {
    clock = new FakeClock()
  })
  afterEach(async () => {
    for (const feed of feeds.splice(0)) feed.close()
    for (const store of stores.splice(0)) store.close()
    const client = await server.client()
    await client.flushall()
  })
  afterAll(() => server?.close())

  async function connect(timeout = 600_000): Promise<RedisStore> {
    const address = readRedisUrl(server.url)
    if (!address) throw new Error('a URL of ours')
    const store = await connectRedis({ address, timeout, clock })
    stores.push(store)
    return store
  }

  /** Gateways hear what is new from the moment on in which they have looked for the first time. */
  async function lookedForNews(): Promise<void> {
    await clock.advance(300)
    await eventually(() => stores.every(({ waiting }) => waiting === 0))
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
    one?.set(at('a'), chatOf('hi'), 60_000)
    await eventually(async () => expect((await other?.get(at('a')))?.answer).toEqual(chatOf('hi').answer))
    const client = await server.client()
    const key = `llm-gateway:cache:ada:/up/m:${idOf('a')}`
    expect(await client.pttl(key)).toBeGreaterThan(0)
    expect(await client.pttl(key)).toBeLessThanOrEqual(60_000)
    await client.pexpire(key, 1)
    await eventually(async () => expect(await other?.get(at('a'))).toBeUndefined())
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
    await eventually(async () => expect(await client.exists(key)).toBe(0))
  })

  test('clears what is meant, among many, and nobody else’s', async () => {
    const cache = new RedisCache({ store: await connect(), clock })
    const client = await server.client()
    for (let index = 0; index < 1_200; index++) {
      const id = String(index).padStart(43, '0')
      cache.set(
        { id, owner: index % 2 ? 'a*b:c' : 'ada', label: `ns/m${index % 3}`, holder: 'ada' },
        chatOf('x'),
        60_000,
      )
    }
    cache.set(at('s', 'ns/m1', ''), chatOf('x'), 60_000)
    await client.set('someone-else', 'x')
    const count = async () => (await client.keys('llm-gateway:cache:*')).length
    await eventually(async () => expect(await count()).toBe(1_201))
    expect(await cache.clear({ by: 'pattern', pattern: 'ns/m1', owners: ['a*b:c'] })).toBe(201)
    expect(await cache.clear({ by: 'pattern', pattern: '[n]*', owners: ['ada'] })).toBe(0)
    expect(await cache.clear({ by: 'pattern', pattern: 'ns/m?', owners: ['ada'] })).toBe(600)
    expect(await cache.clear({ by: 'id', id: '1'.padStart(43, '0') })).toBe(0)
    expect(await cache.clear({ by: 'id', id: '3'.padStart(43, '0') })).toBe(1)
    expect(await cache.clear({ by: 'all' })).toBe(399)
    expect(await count()).toBe(0)
    expect(await client.get('someone-else')).toBe('x')
  })

  test('with a memory in front, what one clears all forget', async () => {
    const [one, other] = [await hybrid('one'), await hybrid('other')]
    one.cache.set(at('a'), chatOf('hi'), 60_000)
    await eventually(async () => expect((await other.cache.get(at('a')))?.answer).toEqual(chatOf('hi').answer))
    expect(other.near.get(at('a'))).toBeDefined()
    await lookedForNews()
    expect(await one.cache.clear({ by: 'pattern', pattern: '/up/*', owners: ['ada'] })).toBe(1)
    await clock.passUntil(() => other.near.get(at('a')) === undefined)
    expect(await other.cache.get(at('a'))).toBeUndefined()
  })

  test('an answer that is about to expire there does not live longer in the memory', async () => {
    const [one, other] = [await hybrid('one'), await hybrid('other')]
    one.cache.set(at('a'), chatOf('hi'), 20_000)
    await eventually(async () => expect(await other.cache.get(at('a'))).toBeDefined())
    const client = await server.client()
    await client.flushall()
    await clock.advance(19_999)
    expect(await other.cache.get(at('a'))).toBeDefined()
    await clock.advance(2)
    expect(await other.cache.get(at('a'))).toBeUndefined()
  })

  test('news reach all others in order, not the one who told them, and go on after Redis was flushed', async () => {
    const [one, other] = [await hybrid('one'), await hybrid('other')]
    const heard: unknown[] = []
    other.broadcast.listen('t', (broadcast) => heard.push(broadcast))
    one.broadcast.listen('t', () => heard.push('its own'))
    await lookedForNews()
    for (let index = 0; index < 5; index++) one.broadcast.notify('t', index)
    await clock.passUntil(() => heard.length === 5)
    expect(heard).toEqual([0, 1, 2, 3, 4])
    const client = await server.client()
    await client.flushall()
    await client.xadd('llm-gateway:news', '*', 'news', 'not JSON')
    one.broadcast.notify('t', 'after')
    await clock.passUntil(() => heard.length === 6)
    expect(heard.at(-1)).toBe('after')
  })

  test('a Redis that is gone is a miss at once, and clearing says so', async () => {
    const store = await connect(200)
    const cache = new RedisCache({ store, clock })
    cache.set(at('a'), chatOf('hi'), 60_000)
    await server.kill()
    await eventually(() => expect(store.available).toBe(false))
    expect(cache.get(at('a'))).toBeUndefined()
    cache.set(at('b'), chatOf('hi'), 60_000)
    await expect(cache.clear({ by: 'all' })).rejects.toMatchObject({ reason: 'CACHE_UNAVAILABLE' })
    await server.start()
    await clock.passUntil(() => store.available)
    cache.set(at('c'), chatOf('back'), 60_000)
    await eventually(async () => expect(await cache.get(at('c'))).toBeDefined())
  })
})
