import { afterAll, beforeAll, beforeEach, expect } from 'vitest'
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
/** Two that no test ends: to start one takes long. */
let one: Replica
let two: Replica
const replicas: Replica[] = []
let keys = 0

beforeAll(async () => {
  redis = await startRedis()
  upstream = await startUpstream()
  ;[one, two] = await Promise.all([start(), start()])
})

beforeEach(async () => {
  await (await redis.client()).flushall()
  upstream.hits.length = 0
  upstream.answer(answers('Hello, ', 'world'))
})

afterAll(async () => {
  for (const { client } of replicas) client.close()
  await Promise.all(replicas.map(({ gateway }) => gateway.close()))
  await redis?.close()
  await upstream?.close()
})

/** A gateway that has Redis. */
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
  await gateway.logged(({ message }) => message === AVAILABLE)
  return replica
}

const AVAILABLE = 'Redis is available'
const UNAVAILABLE = 'Redis is unavailable'

/** Runs `act` without Redis. Settles when both gateways have it again. */
async function withoutRedis(act: () => Promise<void>): Promise<void> {
  const seen = (gateway: RunningGateway, text: string) => gateway.output().split(text).length - 1
  const more = async (text: string, act: () => Promise<void>) => {
    const before = [one, two].map(({ gateway }) => seen(gateway, text))
    await act()
    await eventually(() => [one, two].every(({ gateway }, at) => seen(gateway, text) > (before[at] ?? 0)))
  }
  await more(UNAVAILABLE, () => redis.kill())
  try {
    await act()
  } finally {
    await more(AVAILABLE, () => redis.start())
  }
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
  const killed = await start()
  const key = newKey()
  const waiting = holdAnswers()
  void chat(killed.client, HOUSE, withKey(key).options)
  await eventually(() => expect(waiting).toHaveLength(1))
  const client = await redis.client()
  const [stored = ''] = await storedKeys()
  await client.pexpire(stored, 1_000_000)
  await killed.gateway.pass(5_000)
  // It renews the lease while the call runs.
  await eventually(async () => {
    const left = await client.pttl(stored)
    expect(left).toBeGreaterThan(0)
    expect(left).toBeLessThanOrEqual(15_000)
  })
  killed.gateway.signal('SIGKILL')
  await killed.gateway.exited
  // However late this machine is, the lease has not ended.
  await client.persist(stored)
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
  const key = newKey()
  const { options, trailers } = withKey(key)
  await withoutRedis(async () => {
    const { value, error } = await chat(one.client, HOUSE, options)
    expect(error).toBeUndefined()
    expect(value?.route?.warnings).toEqual([expect.stringMatching(/^Redis is unavailable: the idempotency-key/)])
    expect(trailers).toEqual({ kept: 'false' })
    const streamed = await streamChat(one.client, HOUSE, withKey(key).options)
    const last = streamed.messages.at(-1)?.event
    expect(last?.case === 'finish' && last.value.route?.warnings).toHaveLength(1)
    expect((await chat(one.client, HOUSE, withKey(key).options)).value).toEqual(value)
    expect(upstream.hits).toHaveLength(2)
    const elsewhere = await chat(two.client, HOUSE, withKey(key).options)
    expect(elsewhere.value?.route?.warnings).toHaveLength(1)
    expect(upstream.hits).toHaveLength(3)
  })
  // What it has remembered meanwhile it repeats when Redis is back, too.
  const repeat = withKey(key)
  await chat(one.client, HOUSE, repeat.options)
  expect(repeat.trailers).toEqual({ replayed: 'true' })
  expect(upstream.hits).toHaveLength(3)
})

test('when Redis goes away during a call, its answer says that the result is not kept for all', async () => {
  const [whole, streamed] = [newKey(), newKey()]
  const waiting = holdAnswers()
  const firsts = [withKey(whole), withKey(streamed)] as const
  const calls = [chat(one.client, HOUSE, firsts[0].options), streamChat(one.client, HOUSE, firsts[1].options)] as const
  await eventually(() => expect(waiting).toHaveLength(2))
  await withoutRedis(async () => {
    for (const exchange of waiting) answers('fine')(exchange)
    const [chatted, heard] = await Promise.all(calls)
    expect(chatted.value).toMatchObject({ message: { content: 'fine' }, route: { warnings: [] } })
    expect(heard).toMatchObject({ text: 'fine', error: undefined })
  })
  for (const { trailers } of firsts) expect(trailers).toEqual({ kept: 'false' })
  // The replica that has run it repeats it, another one runs it again.
  upstream.answer(answers('again'))
  expect((await chat(one.client, HOUSE, withKey(whole).options)).value?.message?.content).toBe('fine')
  expect((await chat(two.client, HOUSE, withKey(whole).options)).value?.message?.content).toBe('again')
})

test('a call that goes on without its connection ends with the drain, and frees its key', async () => {
  const ending = await start('10s')
  const key = newKey()
  const waiting = holdAnswers()
  const call = { method: 'Chat', request: HI, headers: { 'idempotency-key': key } } as const
  const own = callAtGrpc(ending.gateway.grpc, call, { ...HOUSE, messages: [{ role: Role.USER, content: 'witness' }] })
  await eventually(() => expect(waiting).toHaveLength(2))
  const witness = waiting.find(({ hit }) => hit.body.includes('witness'))
  own.lose()
  await witness?.hit.closed
  await untilActive(ending.gateway.metrics, 1)
  ending.gateway.signal('SIGTERM')
  await ending.gateway.logged(({ message }) => message === 'shutting down')
  await eventually(async () => {
    await ending.gateway.pass(500)
    return waiting.some(({ hit, socket }) => hit !== witness?.hit && socket.destroyed)
  })
  expect(await ending.gateway.exited).toBe(0)
  upstream.answer(answers('fine'))
  expect((await chat(two.client, HI, withKey(key).options)).value?.message?.content).toBe('fine')
})
