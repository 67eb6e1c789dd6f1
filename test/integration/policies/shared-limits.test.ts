import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest'
import { HealthStatus, LlmGateway } from '../../../src/domain/types.ts'
import { chat, type ServerName } from '../../support/client.ts'
import { eventually } from '../../support/eventually.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { type RedisServer, startRedis } from '../../support/redis.ts'
import { test } from '../../support/redis-test.ts'
import { startProxy, type TcpProxy } from '../../support/tcp-proxy.ts'
import { answers, silence, startUpstream, type UpstreamServer } from '../../support/upstream-server.ts'

/* Several gateways, as their operators run them, on one Redis. */

let redis: RedisServer
let proxy: TcpProxy
let upstream: UpstreamServer
let gateways: RunningGateway[] = []
let servers: ServerName[] = []

beforeAll(async () => {
  redis = await startRedis()
  proxy = await startProxy(redis.port)
  upstream = await startUpstream(answers('ok'))
})

afterAll(async () => {
  await proxy.close()
  await redis.close()
  await upstream.close()
})

afterEach(async () => {
  for (const server of servers) server.close()
  await Promise.all(gateways.map((gateway) => gateway.close()))
  upstream.answer(answers('ok'))
  await (await redis.client()).flushall()
})

/** A busy machine may keep everybody waiting: only a Redis that is really gone may be given up. In ms. */
const TIMEOUT = 20_000

async function start(replicas: number, limits: string, { movableTime = false, more = '' } = {}) {
  const yaml = `
providers: { sim: { kind: simulator }${more} }
redis: { url: "redis://127.0.0.1:${proxy.port}", timeout: ${TIMEOUT}ms }
limits: ${limits}`
  gateways = await Promise.all(Array.from({ length: replicas }, () => startGateway({ yaml, movableTime })))
  servers = gateways.map(({ grpc }) => new GrpcClient(grpc))
}

const server = (index: number): ServerName => {
  const found = servers[index % servers.length]
  if (!found) throw new Error('no gateway')
  return found
}

const ask = (index: number, request = {}) => chat(server(index), { provider: 'sim', ...request }, { deadline: 100_000 })

test('of 1,000 calls at once exactly the 100 of the limit go through three gateways', async () => {
  await start(3, '{ caller: { requests: 100, window: 1h } }')
  const outcomes = await Promise.all(Array.from({ length: 1_000 }, (_, call) => ask(call)))
  expect(outcomes.filter(({ error }) => error === undefined)).toHaveLength(100)
  expect(new Set(outcomes.flatMap(({ error }) => error?.reason ?? []))).toEqual(new Set(['RATE_LIMITED']))
})

test('tokens go through up to the limit, and no further than one call is misjudged', async () => {
  await start(3, '{ caller: { tokens: 2000, window: 1h } }')
  // 1 for the text and 50 for the answer are reserved for each, whatever becomes of the others.
  const outcomes = await Promise.all(Array.from({ length: 300 }, (_, call) => ask(call, { maxTokens: 50 })))
  const used = outcomes.reduce((sum, { value }) => sum + (value?.usage?.total ?? 0), 0)
  const through = outcomes.filter(({ error }) => error === undefined).length
  // Those that ended early gave back what they had not used.
  expect(through).toBeGreaterThanOrEqual(Math.floor(2000 / 51))
  expect(used).toBeLessThanOrEqual(2000)
  const client = await redis.client()
  await eventually(async () => {
    expect(Number(await client.hget('llm-gateway:limit:caller:127.0.0.1', 'tokens'))).toBe(used)
  })
})

test('gateways share the limit of a provider, beside those of callers', async () => {
  await start(2, '{ caller: { requests: 100, window: 1h }, provider: { requests: 3, tokens: 100000, window: 1h } }')
  const outcomes = await Promise.all(Array.from({ length: 10 }, (_, call) => ask(call)))
  const refused = outcomes.flatMap(({ error }) => error?.quota ?? [])
  expect(refused).toEqual(Array(7).fill('provider:sim: 3 requests in 3600 s'))
  const client = await redis.client()
  expect(await client.hget('llm-gateway:limit:provider:sim', 'requests')).toBe('3')
  expect(await client.hget('llm-gateway:limit:caller:127.0.0.1', 'requests')).toBe('10')
})

test('the places of a gateway that was killed come back', async () => {
  const house = `, house: { kind: local, base_url: "${upstream.url}", default_model: m }`
  await start(2, '{ caller: { concurrent: 2 } }', { more: house })
  upstream.answer(silence)
  const held = [chat(server(0), { provider: 'house' }), chat(server(0), { provider: 'house' })]
  await eventually(() => expect(upstream.hits.length).toBeGreaterThanOrEqual(2))
  expect((await ask(1)).error?.quota).toEqual(['caller:127.0.0.1: 2 calls at once'])
  gateways[0]?.signal('SIGKILL')
  await Promise.all(held)
  // As if they had not been renewed for longer than a place is kept.
  const client = await redis.client()
  const places = 'llm-gateway:limit:caller:127.0.0.1:active'
  for (const place of await client.zrange(places, '0', '-1')) await client.zincrby(places, -60_000, place)
  await eventually(async () => expect((await ask(1)).error).toBeUndefined())
})

describe('whatever Redis does, chats go on', () => {
  const troubles: [string, () => unknown, () => unknown][] = [
    ['killed', () => redis.kill(), () => redis.start()],
    ['stopped', () => redis.stop(), () => redis.resume()],
    ['read-only', replicaOf('127.0.0.1', '1'), replicaOf('NO', 'ONE')],
    ['full', config('maxmemory', '1'), config('maxmemory', '0')],
    ['60 s slow', () => slow(60_000), () => slow(0)],
    ['losing replies', () => eat(true), () => eat(false)],
  ]

  test.each(troubles)('while it is %s, and limits are the local share', async (_, begin, end) => {
    await start(1, '{ caller: { requests: 30, window: 24h }, replicas: 3 }', { movableTime: true })
    expect((await ask(0)).error).toBeUndefined()
    await begin()
    const first = ask(0)
    await passUntil(() => expectHealth(HealthStatus.DEGRADED, false))
    const outcomes = [await first]
    while (outcomes.length < 20) outcomes.push(await ask(0))
    expect(outcomes.map(({ error }) => error?.reason)).toEqual([
      ...Array(10).fill(undefined),
      ...Array(10).fill('RATE_LIMITED'),
    ])
    await expectHealth(HealthStatus.DEGRADED, false)
    const page = await (await fetch(gateways[0]?.metrics ?? '')).text()
    expect(page).toMatch(/^llm_gateway_redis_up 0$/m)
    expect(page).toMatch(/^llm_gateway_limits_without_redis_total 20$/m)
    await end()
    await passUntil(() => expectHealth(HealthStatus.HEALTHY, true))
    expect((await ask(0)).error).toBeUndefined()
    // Alerts are lines of their own.
    const lines = () => gateways[0]?.output().match(/(?<="message":")Redis is \w+/g)
    const expected = ['Redis is available', 'Redis is unavailable', 'Redis is available']
    await eventually(() => expect(lines()).toEqual(expected))
  })

  test('while it is flushed: the window begins anew', async () => {
    await start(1, '{ caller: { requests: 2, window: 1h } }')
    const through = async () => [
      (await ask(0)).error?.reason,
      (await ask(0)).error?.reason,
      (await ask(0)).error?.reason,
    ]
    expect(await through()).toEqual([undefined, undefined, 'RATE_LIMITED'])
    await (await redis.client()).flushall()
    expect(await through()).toEqual([undefined, undefined, 'RATE_LIMITED'])
  })

  test('when it is down at the start', async () => {
    await redis.kill()
    try {
      await start(1, '{ caller: { requests: 2, window: 1h } }')
      expect((await ask(0)).error).toBeUndefined()
      await expectHealth(HealthStatus.DEGRADED, false)
    } finally {
      await redis.start()
    }
    await eventually(() => expectHealth(HealthStatus.HEALTHY, true))
    expect((await ask(0)).error).toBeUndefined()
    expect(await (await redis.client()).hget('llm-gateway:limit:caller:127.0.0.1', 'requests')).toBe('1')
  })

  test('unless calls are to be refused then', async () => {
    await start(1, '{ caller: { requests: 30 }, on_redis_trouble: refuse }')
    expect((await ask(0)).error).toBeUndefined()
    await redis.kill()
    try {
      for (let call = 0; call < 3; call++) {
        expect((await ask(0)).error).toMatchObject({
          code: 'UNAVAILABLE',
          reason: 'LIMITS_UNAVAILABLE',
          retryAfter: 1_000,
        })
      }
    } finally {
      await redis.start()
    }
    await eventually(async () => expect((await ask(0)).error).toBeUndefined())
  })
})

function replicaOf(host: string, port: string) {
  return async () => void (await (await redis.client()).call('REPLICAOF', host, port))
}

function config(name: string, value: string) {
  return async () => void (await (await redis.client()).config('SET', name, value))
}

function slow(ms: number): void {
  proxy.delay = ms
}

/** Moves the clock of the gateway on until this is so: it gives up a Redis that does not answer, or asks again. */
async function passUntil(check: () => Promise<void>): Promise<void> {
  await eventually(async () => {
    await gateways[0]?.pass(TIMEOUT / 4)
    await check()
  })
}

function eat(replies: boolean): void {
  proxy.eatsReplies = replies
}

async function expectHealth(status: HealthStatus, healthy: boolean): Promise<void> {
  const { value } = await server(0).unary(LlmGateway.method.health, {})
  expect(value).toMatchObject({ status, components: [{ name: 'redis', healthy }] })
  const stats = await server(0).unary(LlmGateway.method.stats, {})
  expect(stats.value?.components).toMatchObject([{ name: 'redis', healthy }])
}
