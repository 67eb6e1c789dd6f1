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
redis: { url: "${redis.url}", timeout: 1s }
cache: { strategy: ${strategy} }
`
  const env = { KEY: 'the-first-key-of-all', KEY2: 'the-second-key-of-all' }
  const started = await Promise.all(Array.from({ length: count }, () => startGateway({ yaml, env })))
  gateways.push(...started)
  clients.push(...started.map(({ grpc }) => new GrpcClient(grpc)))
  return clients
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
    await expect.poll(() => isKnown(two)).toBe(true)
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
    await expect
      .poll(async () => (await embed(two, both)).value?.embeddings.map(({ values }) => values))
      .toEqual([
        [1, 0.5],
        [2, 0.5],
      ])
    expect(upstream.hits).toHaveLength(2)
  }, 60_000)

  test('what one clears none knows any more', async () => {
    const all = await start(3, strategy)
    const [one] = all
    if (!one) throw new Error('three were started')
    await chat(one, UP)
    for (const client of all) await expect.poll(() => isKnown(client)).toBe(true)
    await new Promise((resolve) => setTimeout(resolve, 700))
    const request = { answers: { case: 'pattern', value: '/up/*' } } as const
    expect((await one.unary(LlmGatewayAdmin.method.clearCache, request)).value?.cleared).toBe(1n)
    const states = async () => await Promise.all(all.map(isKnown))
    await expect.poll(states, { timeout: 1_500 }).toEqual([false, false, false])
  }, 60_000)

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
    await expect
      .poll(async () => (await one.unary(LlmGateway.method.health, { view: HealthView.CACHE })).value?.status, {
        timeout: 10_000,
      })
      .toBe(HealthStatus.HEALTHY)
    await chat(one, UP)
    await expect.poll(() => isKnown(one)).toBe(true)
  }, 60_000)
})

test('a key that one gateway was refused the others leave alone', async () => {
  const [one, two] = await start(2, 'redis')
  if (!one || !two) throw new Error('two were started')
  await new Promise((resolve) => setTimeout(resolve, 700))
  upstream.answer(failure(401))
  await chat(one, { ...UP, cache: { mode: CacheMode.BYPASS } })
  const states = async () => {
    const { value } = await two.unary(LlmGatewayAdmin.method.listKeys, {})
    return value?.keys.map(({ state }) => state)
  }
  await expect.poll(states, { timeout: 5_000 }).toEqual([KeyState.QUARANTINED, KeyState.QUARANTINED])
  const asked = upstream.hits.length
  expect((await chat(two, { ...UP, cache: { mode: CacheMode.BYPASS } })).error?.reason).toBe('UPSTREAM_CREDENTIALS')
  expect(upstream.hits).toHaveLength(asked)
}, 60_000)
