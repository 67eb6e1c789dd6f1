import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { Role } from '../../../../src/domain/types.ts'
import { chat, embed, streamChat } from '../../../support/client.ts'
import { eventually } from '../../../support/eventually.ts'
import { type RunningGateway, startGateway } from '../../../support/gateway.ts'
import { GrpcClient } from '../../../support/grpc-client.ts'
import { callAtGrpc, withKey } from '../../../support/idempotency-world.ts'
import { untilActive } from '../../../support/metrics-page.ts'
import { type RedisServer, startRedis } from '../../../support/redis.ts'
import { test } from '../../../support/redis-test.ts'
import {
  answers,
  chatBody,
  type Exchange,
  failure,
  json,
  startUpstream,
  type UpstreamServer,
} from '../../../support/upstream-server.ts'

/* Gateways on one Redis know each other's idempotency keys. */

interface Replica {
  readonly gateway: RunningGateway
  readonly client: GrpcClient
}

let redis: RedisServer
let upstream: UpstreamServer
const replicas: Replica[] = []
let keys = 0

beforeAll(async () => {
  redis = await startRedis()
  upstream = await startUpstream()
})

beforeEach(async () => {
  await (await redis.client()).flushall()
  upstream.hits.length = 0
  upstream.answer(answers('Hello, ', 'world'))
})

afterEach(async () => {
  for (const { client } of replicas) client.close()
  await Promise.all(replicas.splice(0).map(({ gateway }) => gateway.close()))
})

afterAll(async () => {
  await redis?.close()
  await upstream?.close()
})

async function start(drain = '25s'): Promise<Replica> {
  const gateway = await startGateway({
    movableTime: true,
    yaml: `
server: { drain: ${drain} }
auth: none
providers:
  house: { kind: local, base_url: "${upstream.url}", default_model: m, timeout: { total: 1h } }
redis: { url: "${redis.url}", timeout: 20s }
`,
  })
  const replica = { gateway, client: new GrpcClient(gateway.grpc) }
  replicas.push(replica)
  return replica
}

const newKey = () => `key-${++keys}`
const HOUSE = { model: 'house/m' }
const HI = { ...HOUSE, messages: [{ role: Role.USER, content: 'hi' }] }

/** The upstream answers when the test says so. */
function holdAnswers(): Exchange[] {
  const waiting: Exchange[] = []
  upstream.answer((exchange) => waiting.push(exchange))
  return waiting
}

const storedKeys = async () => (await redis.client()).keys('llm-gateway:idempotency:*')

test('what one has answered another repeats: chats, streams and vectors', async () => {
  const [one, two] = [await start(), await start()]
  const key = newKey()
  const first = await chat(one.client, HOUSE, withKey(key).options)
  const { options, trailers } = withKey(key)
  expect(await chat(two.client, HOUSE, options)).toEqual(first)
  expect(trailers).toEqual({ replayed: 'true' })
  const streamed = await streamChat(one.client, HOUSE, withKey(key).options)
  expect(streamed.text).toBe('Hello, world')
  expect(await streamChat(two.client, HOUSE, withKey(key).options)).toEqual(streamed)
  upstream.answer(json({ model: 'e', data: [{ index: 0, embedding: [1, 0.5] }] }))
  const vectors = await embed(one.client, HOUSE, withKey(key).options)
  expect(vectors.value?.embeddings).toMatchObject([{ values: [1, 0.5] }])
  expect(await embed(two.client, HOUSE, withKey(key).options)).toEqual(vectors)
  expect(upstream.hits).toHaveLength(3)
})

test('what runs at one is not begun at another, which says when to ask again', async () => {
  const [one, two] = [await start(), await start()]
  const key = newKey()
  const waiting = holdAnswers()
  const first = chat(one.client, HOUSE, withKey(key).options)
  await eventually(() => expect(waiting).toHaveLength(1))
  const { error } = await chat(two.client, HOUSE, withKey(key).options)
  expect(error).toMatchObject({
    code: 'ABORTED',
    reason: 'IDEMPOTENCY_KEY_RUNNING',
    retryAfter: 1000,
    pushback: '1000',
  })
  const other = await chat(two.client, { ...HOUSE, maxTokens: 9 }, withKey(key).options)
  expect(other.error?.reason).toBe('IDEMPOTENCY_KEY_REUSED')
  for (const exchange of waiting) json(chatBody('fine'))(exchange)
  expect((await first).value?.message?.content).toBe('fine')
  expect((await chat(two.client, HOUSE, withKey(key).options)).value?.message?.content).toBe('fine')
  expect(upstream.hits).toHaveLength(1)
})

test('what has failed at one in a way that may pass runs at another, and other failures are repeated', async () => {
  const [one, two] = [await start(), await start()]
  const [passing, kept] = [newKey(), newKey()]
  upstream.answer(failure(401))
  expect((await chat(one.client, HOUSE, withKey(passing).options)).error?.reason).toBe('UPSTREAM_CREDENTIALS')
  upstream.answer(failure(400, { message: 'no such tool', code: 'invalid_value' }))
  const first = await chat(one.client, HOUSE, withKey(kept).options)
  expect(first.error?.reason).toBe('UPSTREAM_INVALID_REQUEST')
  upstream.answer(answers('fine'))
  expect((await chat(two.client, HOUSE, withKey(passing).options)).value?.message?.content).toBe('fine')
  const repeated = await chat(two.client, HOUSE, withKey(kept).options)
  expect(repeated.error).toMatchObject({ reason: 'UPSTREAM_INVALID_REQUEST', message: first.error?.message })
  expect(upstream.hits).toHaveLength(3)
})

test('a result that is too large for one is not asked for again by another', async () => {
  const [one, two] = [await start(), await start()]
  const key = newKey()
  upstream.answer(answers('x'.repeat(1_100_000)))
  const { options, trailers } = withKey(key)
  const { value } = await chat(one.client, HOUSE, options)
  expect(trailers).toEqual({ kept: 'false' })
  const { error } = await chat(two.client, HOUSE, withKey(key).options)
  expect(error).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'RESULT_NOT_KEPT' })
  expect(error?.message).toContain(value?.id)
  expect(upstream.hits).toHaveLength(1)
})

test('the key of a replica that was killed is free when its lease ends', async () => {
  const [one, two] = [await start(), await start()]
  const key = newKey()
  const waiting = holdAnswers()
  void chat(one.client, HOUSE, withKey(key).options)
  await eventually(() => expect(waiting).toHaveLength(1))
  const client = await redis.client()
  const [stored = ''] = await storedKeys()
  await client.pexpire(stored, 1_000_000)
  await one.gateway.pass(5_000)
  // It renews the lease while the call runs.
  await eventually(async () => {
    const left = await client.pttl(stored)
    expect(left).toBeGreaterThan(0)
    expect(left).toBeLessThanOrEqual(15_000)
  })
  one.gateway.signal('SIGKILL')
  await one.gateway.exited
  expect((await chat(two.client, HOUSE, withKey(key).options)).error?.reason).toBe('IDEMPOTENCY_KEY_RUNNING')
  await client.pexpire(stored, 1)
  upstream.answer(answers('once more'))
  await eventually(async () => {
    const { value } = await chat(two.client, HOUSE, withKey(key).options)
    expect(value?.message?.content).toBe('once more')
  })
  expect(upstream.hits).toHaveLength(2)
})

test('without Redis each remembers its own calls, and says so', async () => {
  const [one, two] = [await start(), await start()]
  const key = newKey()
  await redis.kill()
  try {
    for (const { gateway } of [one, two]) {
      await gateway.logged(({ message }) => String(message).startsWith('Redis is unavailable'))
    }
    const { value, error } = await chat(one.client, HOUSE, withKey(key).options)
    expect(error).toBeUndefined()
    expect(value?.route?.warnings).toEqual([expect.stringMatching(/^Redis is unavailable: the idempotency-key/)])
    const streamed = await streamChat(one.client, HOUSE, withKey(key).options)
    const last = streamed.messages.at(-1)?.event
    expect(last?.case === 'finish' && last.value.route?.warnings).toHaveLength(1)
    expect((await chat(one.client, HOUSE, withKey(key).options)).value).toEqual(value)
    expect(upstream.hits).toHaveLength(2)
    const elsewhere = await chat(two.client, HOUSE, withKey(key).options)
    expect(elsewhere.value?.route?.warnings).toHaveLength(1)
    expect(upstream.hits).toHaveLength(3)
  } finally {
    await redis.start()
  }
  // What it has remembered meanwhile it repeats when Redis is back, too.
  await one.gateway.logged(({ message }) => message === 'Redis is available')
  const { options, trailers } = withKey(key)
  await chat(one.client, HOUSE, options)
  expect(trailers).toEqual({ replayed: 'true' })
  expect(upstream.hits).toHaveLength(3)
})

test('a call that goes on without its connection ends with the drain, and frees its key', async () => {
  const [one, two] = [await start('10s'), await start()]
  const key = newKey()
  const waiting = holdAnswers()
  const call = { method: 'Chat', request: HI, headers: { 'idempotency-key': key } } as const
  const own = callAtGrpc(one.gateway.grpc, call, { ...HOUSE, messages: [{ role: Role.USER, content: 'witness' }] })
  await eventually(() => expect(waiting).toHaveLength(2))
  const witness = waiting.find(({ hit }) => hit.body.includes('witness'))
  own.lose()
  await witness?.hit.closed
  await untilActive(one.gateway.metrics, 1)
  one.gateway.signal('SIGTERM')
  await one.gateway.logged(({ message }) => message === 'shutting down')
  await eventually(async () => {
    await one.gateway.pass(500)
    return waiting.some(({ hit, socket }) => hit !== witness?.hit && socket.destroyed)
  })
  expect(await one.gateway.exited).toBe(0)
  upstream.answer(answers('fine'))
  expect((await chat(two.client, HI, withKey(key).options)).value?.message?.content).toBe('fine')
})
