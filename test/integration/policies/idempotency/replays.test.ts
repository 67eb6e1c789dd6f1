import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { CacheMode, LlmGateway, LlmGatewayAdmin, Role, UsageState } from '../../../../src/domain/types.ts'
import { chat, embed, type ServerName, streamChat } from '../../../support/client.ts'
import { complete, continues, streamComplete } from '../../../support/completions.ts'
import { ConnectClient } from '../../../support/connect-client.ts'
import { type RunningGateway, startGateway } from '../../../support/gateway.ts'
import { GrpcClient } from '../../../support/grpc-client.ts'
import { chatAtGrpc, chatAtHttp, withKey } from '../../../support/idempotency-world.ts'
import { metric } from '../../../support/metrics-page.ts'
import { answers, failure, json, startUpstream, type UpstreamServer } from '../../../support/upstream-server.ts'

/* A repeat of a call with its idempotency key is answered with the first result, and asks no vendor. */

let upstream: UpstreamServer
let gateway: RunningGateway
let clients: Record<'gRPC' | 'HTTP', ServerName>
let keys = 0

beforeAll(async () => {
  upstream = await startUpstream()
  gateway = await startGateway({
    yaml: `
auth: none
providers:
  up: { kind: openai, base_url: "${upstream.url}/v1", keys: ["\${KEY}"] }
  own: { kind: local, base_url: "${upstream.url}", default_model: m }
prices: { "up/m": { input: 1, output: 10 } }
ledger: { url: memory }
`,
    env: { KEY: 'the-key-of-the-vendor' },
  })
  clients = { gRPC: new GrpcClient(gateway.grpc), HTTP: new ConnectClient(gateway.http) }
})

beforeEach(() => {
  upstream.hits.length = 0
  upstream.answer(answers('Hello, ', 'world'))
})

afterAll(async () => {
  for (const client of Object.values(clients)) client.close()
  await gateway.close()
  await upstream.close()
})

const newKey = () => `key-${++keys}`
const UP = { model: 'up/m' }

describe.each(['gRPC', 'HTTP'] as const)('at the %s server', (server) => {
  test('a Chat', async () => {
    const key = newKey()
    const first = withKey(key)
    const { value: answer } = await chat(clients[server], UP, first.options)
    const second = withKey(key)
    const { value: repeated } = await chat(clients[server], UP, second.options)
    expect(answer).toMatchObject({ message: { content: 'Hello, world' }, route: { cached: false } })
    expect(repeated).toEqual(answer)
    expect([first.trailers, second.trailers]).toEqual([{}, { replayed: 'true' }])
    expect(upstream.hits).toHaveLength(1)
  })

  test('a StreamChat, in its events', async () => {
    const key = newKey()
    const first = await streamChat(clients[server], UP, withKey(key).options)
    const { options, trailers } = withKey(key)
    const second = await streamChat(clients[server], UP, options)
    expect(first.text).toBe('Hello, world')
    expect(second).toEqual(first)
    expect(trailers).toEqual({ replayed: 'true' })
    expect(upstream.hits).toHaveLength(1)
  })

  test('a Complete and a StreamComplete', async () => {
    upstream.answer(continues('upon ', 'a time'))
    const key = newKey()
    const request = { model: 'own/m' }
    const whole = await complete(clients[server], request, withKey(key).options)
    const { options, trailers } = withKey(key)
    expect(await complete(clients[server], request, options)).toEqual(whole)
    expect(trailers).toEqual({ replayed: 'true' })
    const streamed = await streamComplete(clients[server], request, withKey(key).options)
    expect(streamed.text).toBe('upon a time')
    expect(await streamComplete(clients[server], request, withKey(key).options)).toEqual(streamed)
    expect(upstream.hits).toHaveLength(2)
  })

  test('an Embed', async () => {
    upstream.answer(
      json({ model: 'e', data: [{ index: 0, embedding: [1, 0.5] }], usage: { prompt_tokens: 3, total_tokens: 3 } }),
    )
    const key = newKey()
    const first = await embed(clients[server], UP, withKey(key).options)
    expect(first.value?.embeddings).toMatchObject([{ values: [1, 0.5] }])
    const { options, trailers } = withKey(key)
    expect(await embed(clients[server], UP, options)).toEqual(first)
    expect(trailers).toEqual({ replayed: 'true' })
    expect(upstream.hits).toHaveLength(1)
  })
})

test('the same key at another method, or without a key, is another call', async () => {
  const key = newKey()
  await chat(clients.gRPC, UP, withKey(key).options)
  await streamChat(clients.gRPC, UP, withKey(key).options)
  await chat(clients.gRPC, UP)
  expect(upstream.hits).toHaveLength(3)
})

test('a request is the same whatever it says of the cache and of its user, and another in everything else', async () => {
  const key = newKey()
  await chat(clients.gRPC, UP, withKey(key).options)
  const same = { ...UP, userId: 'ann', cache: { mode: CacheMode.BYPASS }, labels: { attempt: '2' } }
  expect((await chat(clients.gRPC, same, withKey(key).options)).value?.message?.content).toBe('Hello, world')
  expect((await chat(clients.HTTP, UP, withKey(key).options)).value?.message?.content).toBe('Hello, world')
  const other = { ...UP, messages: [{ role: Role.USER, content: 'ho' }] }
  const { error } = await chat(clients.gRPC, other, withKey(key).options)
  expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'IDEMPOTENCY_KEY_REUSED' })
  expect(upstream.hits).toHaveLength(1)
})

test('a repeat costs nothing, and the ledger says that it is one', async () => {
  const key = newKey()
  const spent = () => metric(gateway.metrics, 'llm_cost_total')
  const sessionId = 'of the ledger'
  const { value } = await chat(clients.gRPC, { ...UP, sessionId }, withKey(key).options)
  expect(value?.cost?.usd).toBeGreaterThan(0)
  const before = await spent()
  await chat(clients.gRPC, { ...UP, sessionId }, withKey(key).options)
  await streamChat(clients.gRPC, { ...UP, sessionId }, withKey(key).options)
  await streamChat(clients.gRPC, { ...UP, sessionId }, withKey(key).options)
  const { value: usage } = await clients.gRPC.unary(LlmGatewayAdmin.method.listUsage, { filter: { sessionId } })
  expect(
    usage?.records.map(({ operation, state, provider, final, cost }) => [operation, state, provider, final, cost?.usd]),
  ).toEqual([
    ['StreamChat', UsageState.REPLAYED, 'up', true, 0],
    ['StreamChat', UsageState.SETTLED, 'up', true, expect.anything()],
    ['Chat', UsageState.REPLAYED, 'up', true, 0],
    ['Chat', UsageState.SETTLED, 'up', true, value?.cost?.usd],
  ])
  expect(await spent()).toBeCloseTo(before + (value?.cost?.usd ?? 0), 9)
  expect((await clients.gRPC.unary(LlmGateway.method.stats, {})).error).toBeUndefined()
})

test('a failure that the caller caused is kept', async () => {
  upstream.answer(failure(400, { message: 'max_tokens is too large', code: 'invalid_value' }))
  const key = newKey()
  const first = await chat(clients.gRPC, UP, withKey(key).options)
  expect(first.error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'UPSTREAM_INVALID_REQUEST' })
  upstream.answer(answers('too late'))
  const { options, trailers } = withKey(key)
  const { error } = await chat(clients.HTTP, UP, options)
  expect(error).toMatchObject({
    code: 'INVALID_ARGUMENT',
    reason: 'UPSTREAM_INVALID_REQUEST',
    message: first.error?.message,
  })
  expect(trailers).toEqual({ replayed: 'true' })
  expect(upstream.hits).toHaveLength(1)
})

test('a failure that may pass is not: a repeat runs', async () => {
  upstream.answer(failure(401))
  const key = newKey()
  const { error } = await chat(clients.gRPC, { model: 'own/m' }, withKey(key).options)
  expect(error?.reason).toBe('UPSTREAM_CREDENTIALS')
  upstream.answer(answers('fine'))
  const { options, trailers } = withKey(key)
  const { value } = await chat(clients.gRPC, { model: 'own/m' }, options)
  expect(value?.message?.content).toBe('fine')
  expect(trailers).toEqual({})
})

test('a call that only wanted a cached answer has asked for nothing', async () => {
  const key = newKey()
  const cache = { mode: CacheMode.ONLY_IF_CACHED }
  expect((await chat(clients.gRPC, { ...UP, cache }, withKey(key).options)).error?.reason).toBe('NOT_CACHED')
  expect((await chat(clients.gRPC, UP, withKey(key).options)).value?.message?.content).toBe('Hello, world')
})

describe('a key that must not be is refused', () => {
  test.each([
    ['empty', ''],
    ['too long', 'k'.repeat(256)],
    ['with a space', 'one two'],
    ['with a tab', 'one\ttwo'],
    ['not of ASCII', 'schl\u00fcssel'],
    ['sent twice', 'one', 'two'],
  ])('%s', async (_, ...sent) => {
    const message = expect.stringMatching(/^idempotency-key: must be sent once and have 1 to 255 visible ASCII/)
    expect(await chatAtGrpc(gateway.grpc, sent)).toEqual({ code: '3', message })
    expect(await chatAtHttp(gateway.http, sent)).toEqual({ code: 'invalid_argument', message })
    expect(upstream.hits).toHaveLength(0)
  })
})
