import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type BatchChatResult, LlmGateway, Role } from '../../../../src/domain/types.ts'
import { chat, streamChat } from '../../../support/client.ts'
import { eventually } from '../../../support/eventually.ts'
import { type RunningGateway, startGateway } from '../../../support/gateway.ts'
import { GrpcClient } from '../../../support/grpc-client.ts'
import { withKey } from '../../../support/idempotency-world.ts'
import {
  answers,
  begin,
  chatBody,
  DONE,
  delta,
  type Exchange,
  failure,
  json,
  STOP,
  startUpstream,
  type UpstreamServer,
} from '../../../support/upstream-server.ts'

/* How much is kept for repeats, for how long, and for whom; and batches, whose requests are repeated one by one. */

const ADA = 'ada-key-0123456789abcdef'
const BOB = 'bob-key-0123456789abcdef'
const HOUR = 3_600_000

let upstream: UpstreamServer
let gateway: RunningGateway
let client: GrpcClient
let keys = 0

beforeAll(async () => {
  upstream = await startUpstream()
  gateway = await startGateway({
    movableTime: true,
    yaml: `
auth: { keys: [{ name: ada, key: "\${ADA}" }, { name: bob, key: "\${BOB}" }, { name: cy, key: "\${CY}", limits: { requests: 1 } }] }
providers:
  house: { kind: local, base_url: "${upstream.url}", default_model: m, max_concurrent: 100, timeout: { total: 1h } }
idempotency: { ttl: 1h, max_bytes: 1200KB }
`,
    env: { ADA, BOB, CY: 'cy-key-00123456789abcdef' },
  })
  client = new GrpcClient(gateway.grpc)
})

beforeEach(() => {
  upstream.hits.length = 0
  upstream.answer(answers('Hello, ', 'world'))
})

afterAll(async () => {
  client.close()
  await gateway.close()
  await upstream.close()
})

const newKey = () => `key-${++keys}`
const HOUSE = { model: 'house/m' }
const as = (credential: string) => ({ authorization: `Bearer ${credential}` })
const byAda = (key: string) => withKey(key, as(ADA))
const byBob = (key: string) => withKey(key, as(BOB))

describe('a result of more than 1 MiB', () => {
  test('is not kept, and its call does not run again', async () => {
    upstream.answer(answers('x'.repeat(1_100_000)))
    const key = newKey()
    const { options, trailers } = byAda(key)
    const { value } = await chat(client, HOUSE, options)
    expect(value?.message?.content).toHaveLength(1_100_000)
    expect(trailers).toEqual({ kept: 'false' })
    for (let repeat = 0; repeat < 2; repeat++) {
      const { error } = await chat(client, HOUSE, byAda(key).options)
      expect(error).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'RESULT_NOT_KEPT' })
      expect(error?.message).toContain(value?.id)
    }
    expect(upstream.hits).toHaveLength(1)
  })

  test('cannot be joined once it is known to be one', async () => {
    let exchange: Exchange | undefined
    upstream.answer((begun) => {
      begin(delta('x'.repeat(1_100_000)))(begun)
      exchange = begun
    })
    const key = newKey()
    const { options, trailers } = byAda(key)
    let heard = 0
    const first = streamChat(client, HOUSE, { ...options, onMessage: () => heard++ })
    await eventually(() => expect(heard).toBe(2))
    expect((await streamChat(client, HOUSE, byAda(key).options)).error?.reason).toBe('IDEMPOTENCY_KEY_RUNNING')
    exchange?.response.end([delta('y'), STOP, DONE].join(''))
    expect((await first).text).toHaveLength(1_100_001)
    expect(trailers).toEqual({ kept: 'false' })
    expect((await streamChat(client, HOUSE, byAda(key).options)).error?.reason).toBe('RESULT_NOT_KEPT')
  })
})

test('when the memory is full, no more is kept of who has most of it, which the answers say', async () => {
  const small = newKey()
  await chat(client, HOUSE, byBob(small).options)
  upstream.answer(answers('x'.repeat(300_000)))
  const large = Array.from({ length: 6 }, newKey)
  const kept: (string | undefined)[] = []
  for (const key of large) {
    const { options, trailers } = byAda(key)
    await chat(client, HOUSE, options)
    kept.push(trailers.kept)
  }
  expect(kept).toEqual([...Array(3).fill(undefined), ...Array(3).fill('false')])
  upstream.hits.length = 0
  expect((await chat(client, HOUSE, byBob(small).options)).value?.message?.content).toBe('Hello, world')
  const outcomes = []
  for (const key of large) outcomes.push((await chat(client, HOUSE, byAda(key).options)).error?.reason ?? 'OK')
  expect(outcomes).toEqual([...Array(3).fill('OK'), ...Array(3).fill('RESULT_NOT_KEPT')])
  expect(upstream.hits).toHaveLength(0)
})

test('the key of one caller is not that of another', async () => {
  const key = newKey()
  await chat(client, HOUSE, byAda(key).options)
  const { options, trailers } = byBob(key)
  await chat(client, { ...HOUSE, maxTokens: 9 }, options)
  expect(trailers).toEqual({})
  expect(upstream.hits).toHaveLength(2)
})

test('a key is free again after the ttl, and not before', async () => {
  const key = newKey()
  await chat(client, HOUSE, byAda(key).options)
  await gateway.pass(HOUR - 60_000)
  await chat(client, HOUSE, byAda(key).options)
  expect(upstream.hits).toHaveLength(1)
  await gateway.pass(60_001)
  const { options, trailers } = byAda(key)
  await chat(client, { ...HOUSE, maxTokens: 9 }, options)
  expect(trailers).toEqual({})
  expect(upstream.hits).toHaveLength(2)
})

test('a call that a limit refuses frees its key', async () => {
  const key = newKey()
  const options = () => withKey(key, as('cy-key-00123456789abcdef')).options
  await chat(client, HOUSE, withKey(newKey(), as('cy-key-00123456789abcdef')).options)
  expect((await chat(client, HOUSE, options())).error?.reason).toBe('RATE_LIMITED')
  await gateway.pass(61_000)
  expect((await chat(client, HOUSE, options())).value?.message?.content).toBe('Hello, world')
})

describe('a batch with a key', () => {
  const of = (...texts: readonly string[]) => ({
    requests: texts.map((content) => ({ ...HOUSE, messages: [{ role: Role.USER, content }] })),
  })
  const run = async (key: string, ...texts: readonly string[]) => {
    const { messages, error } = await client.stream(LlmGateway.method.batchChat, of(...texts), byAda(key).options)
    expect(error).toBeUndefined()
    return messages.toSorted((one, other) => one.index - other.index).map(textOf)
  }
  const textOf = ({ result }: BatchChatResult) =>
    result.case === 'response' ? result.value.message?.content : result.case === 'error' ? result.value.reason : ''

  test('that is sent again runs the requests that have failed, and repeats the others', async () => {
    const echo = (exchange: Exchange) => {
      const [{ content }] = exchange.hit.json['messages'] as [{ content: string }]
      if (content === 'bad') failure(401)(exchange)
      else json(chatBody(`${content} ${upstream.hits.length}`))(exchange)
    }
    upstream.answer(echo)
    const key = newKey()
    const first = await run(key, 'one', 'bad', 'three')
    expect(first[1]).toBe('UPSTREAM_CREDENTIALS')
    upstream.answer(json(chatBody('well')))
    expect(await run(key, 'one', 'bad', 'three')).toEqual([first[0], 'well', first[2]])
    expect(upstream.hits).toHaveLength(4)
    // A request keeps its place.
    expect(await run(key, 'three', 'bad', 'one')).toEqual(['IDEMPOTENCY_KEY_REUSED', 'well', 'IDEMPOTENCY_KEY_REUSED'])
    // The keys of its requests are no keys of single calls.
    const { options, trailers } = byAda(`${key}/0`)
    await chat(client, HOUSE, options)
    expect(trailers).toEqual({})
  })

  test('refuses a bad key as a whole', async () => {
    const { error } = await client.stream(LlmGateway.method.batchChat, of('one', 'two'), byAda('a b').options)
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', fields: [expect.stringContaining('idempotency-key')] })
    expect(upstream.hits).toHaveLength(0)
  })
})
