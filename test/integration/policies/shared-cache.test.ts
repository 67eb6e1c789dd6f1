import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from 'vitest'
import {
  CacheMode,
  HealthStatus,
  HealthView,
  KeyState,
  LlmGateway,
  LlmGatewayAdmin,
} from '../../../src/domain/types.ts'
import { chat, embed, streamChat } from '../../support/client.ts'
import { eventually } from '../../support/eventually.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { type RedisServer, startRedis } from '../../support/redis.ts'
import { test } from '../../support/redis-test.ts'
import { answers, failure, json, startUpstream, type UpstreamServer } from '../../support/upstream-server.ts'

/* Several gateways on one Redis: what one has learnt the others know, and trouble with Redis fails no call. */

let redis: RedisServer
let upstream: UpstreamServer
const gateways: RunningGateway[] = []
const clients: GrpcClient[] = []

beforeAll(async () => {
  redis = await startRedis()
  upstream = await startUpstream()
})

beforeEach(async () => {
  const client = await redis.client()
  await client.flushall()
  upstream.hits.length = 0
  upstream.answer(answers('Hello, ', 'world'))
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await Promise.all(gateways.splice(0).map((gateway) => gateway.close()))
})

afterAll(async () => {
  await redis?.close()
  await upstream?.close()
})

async function start(count: number, strategy: 'redis' | 'hybrid'): Promise<readonly GrpcClient[]> {
  const yaml = `
providers:
  up: { kind: openai, base_url: "${upstream.url}", keys: ["\${KEY}", "\${KEY2}"] }
redis: { url: "${redis.url}", timeout: 20s }
cache: { strategy: ${strategy} }
`
  const env = { KEY: 'the-first-key-of-all', KEY2: 'the-second-key-of-all' }
  const started = await Promise.all(Array.from({ length: count }, () => startGateway({ yaml, env, movableTime: true })))
  gateways.push(...started)
  clients.push(...started.map(({ grpc }) => new GrpcClient(grpc)))
  return clients
}

/** Gateways hear what is new from the moment on in which they have looked for the first time. */
async function lookedForNews(): Promise<void> {
  for (const [index, gateway] of gateways.entries()) {
    await gateway.pass(300)
    // Redis answers in order: once it has answered this, it has answered that look.
    const unknown = { ...UP, messages: [{ role: 3, content: `never asked ${index}` }] }
    const client = clients[index]
    if (client) await chat(client, { ...unknown, cache: { mode: CacheMode.ONLY_IF_CACHED } })
  }
}

const UP = { model: 'up/m' }
const known = { ...UP, cache: { mode: CacheMode.ONLY_IF_CACHED } }
const isKnown = async (client: GrpcClient | undefined) =>
  client !== undefined && (await chat(client, known)).value !== undefined

describe.each(['redis', 'hybrid'] as const)('with the strategy %s', (strategy) => {
  test('what one was answered the others know, whole and in pieces, and vectors', async () => {
    const [one, two, three] = await start(3, strategy)
    if (!one || !two || !three) throw new Error('three were started')
    const first = await streamChat(one, UP)
    await eventually(async () => expect(await isKnown(two)).toBe(true))
    const again = await streamChat(three, UP)
    expect(again.cases).toEqual(first.cases)
    expect(again.text).toBe('Hello, world')
    expect((await chat(two, UP)).value).toMatchObject({
      message: { content: 'Hello, world' },
      route: { cached: true, provider: 'up', attempts: [] },
      usage: { input: 5, output: 2 },
    })
    expect(upstream.hits).toHaveLength(1)
    upstream.answer(({ hit, ...exchange }) => {
      const input = hit.json['input'] as string[]
      json({ model: 'e', data: input.map((text, index) => ({ index, embedding: [text.length, 0.5] })) })({
        hit,
        ...exchange,
      })
    })
    await embed(one, { ...UP, inputs: ['a', 'bb'] })
    const both = { ...UP, inputs: ['a', 'bb'], cache: { mode: CacheMode.ONLY_IF_CACHED } }
    await eventually(async () =>
      expect((await embed(two, both)).value?.embeddings).toMatchObject([{ values: [1, 0.5] }, { values: [2, 0.5] }]),
    )
    expect(upstream.hits).toHaveLength(2)
  })

  test('what one clears none knows any more', async () => {
    const all = await start(3, strategy)
    const [one] = all
    if (!one) throw new Error('three were started')
    await chat(one, UP)
    for (const client of all) await eventually(async () => expect(await isKnown(client)).toBe(true))
    await lookedForNews()
    const request = { answers: { case: 'pattern', value: '/up/*' } } as const
    expect((await one.unary(LlmGatewayAdmin.method.clearCache, request)).value?.cleared).toBe(1n)
    const states = async () => await Promise.all(all.map(isKnown))
    await eventually(async () => expect(await states()).toEqual([false, false, false]))
  })

  test('a Redis that is killed fails no call, and is used again when it is back', async () => {
    const [one] = await start(1, strategy)
    const [gateway] = gateways
    if (!one || !gateway) throw new Error('one was started')
    await chat(one, UP)
    await redis.kill()
    await gateway.logged(({ message }) => String(message).startsWith('Redis is unavailable'))
    for (let call = 0; call < 5; call++) {
      const { value, error } = await chat(one, { ...UP, messages: [{ role: 3, content: `question ${call}` }] })
      expect(error ?? value?.message?.content).toBe('Hello, world')
    }
    const { value: health } = await one.unary(LlmGateway.method.health, { view: HealthView.CACHE })
    expect(health).toMatchObject({ status: HealthStatus.DEGRADED })
    const all = { answers: { case: 'all', value: true } } as const
    expect((await one.unary(LlmGatewayAdmin.method.clearCache, all)).error?.reason).toBe('CACHE_UNAVAILABLE')
    await redis.start()
    await eventually(async () => {
      const { value } = await one.unary(LlmGateway.method.health, { view: HealthView.CACHE })
      return value?.status === HealthStatus.HEALTHY
    })
    await chat(one, UP)
    await eventually(async () => expect(await isKnown(one)).toBe(true))
  })
})

test('a key that one gateway was refused the others leave alone', async () => {
  const [one, two] = await start(2, 'redis')
  if (!one || !two) throw new Error('two were started')
  await lookedForNews()
  upstream.answer(failure(401))
  await chat(one, { ...UP, cache: { mode: CacheMode.BYPASS } })
  const states = async () => {
    const { value } = await two.unary(LlmGatewayAdmin.method.listKeys, {})
    return value?.keys.map(({ state }) => state)
  }
  await eventually(async () => expect(await states()).toEqual([KeyState.QUARANTINED, KeyState.QUARANTINED]))
  const asked = upstream.hits.length
  expect((await chat(two, { ...UP, cache: { mode: CacheMode.BYPASS } })).error?.reason).toBe('UPSTREAM_CREDENTIALS')
  expect(upstream.hits).toHaveLength(asked)
})
