import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { LlmGateway } from '../../../src/domain/types.ts'
import { chat, embed, streamChat } from '../../support/client.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import {
  answers,
  failure,
  json,
  type Reply,
  startUpstream,
  type UpstreamServer,
} from '../../support/upstream-server.ts'

/* Aliases whose targets share the calls, and who is asked. */

const NAMES = ['one', 'two', 'three'] as const
const upstreams: UpstreamServer[] = []
let gateway: RunningGateway
let client: GrpcClient

beforeAll(async () => {
  for (const _ of NAMES) upstreams.push(await startUpstream())
  gateway = await startGateway({
    movableTime: true,
    yaml: [
      'providers:',
      ...NAMES.map((name, index) => `  ${name}: { kind: local, base_url: "${upstreams[index]?.url}" }`),
      `  paid: { kind: groq, base_url: "${upstreams[0]?.url}", keys: ["$\{KEY}"] }`,
      'models:',
      '  shared: { strategy: weighted, targets: [{ target: one/m, weight: 8 }, { target: two/m, weight: 2 }] }',
      '  fast: { strategy: least_latency, targets: [one/m, two/m] }',
      '  cheap: { strategy: least_cost, targets: [paid/unpriced, two/dear, three/cheap] }',
      '  ordered: { targets: [one/m, two/m] }',
      '  vectors: { strategy: weighted, targets: [one/v, two/other, three/v] }',
      'prices:',
      '  two/dear: { input: 5, output: 5 }',
      '  three/cheap: { input: 1, output: 1 }',
    ].join('\n'),
    env: { KEY: 'a-key' },
  })
  client = new GrpcClient(gateway.grpc)
})

afterAll(async () => {
  client.close()
  await gateway.close()
  for (const upstream of upstreams) await upstream.close()
})

beforeEach(() => answerWith())

function answerWith(...replies: readonly Reply[]): void {
  for (const [index, upstream] of upstreams.entries()) {
    upstream.hits.length = 0
    upstream.answer(replies[index] ?? answers(NAMES[index] ?? ''))
  }
}

const asked = () => upstreams.map(({ hits }) => hits.length)

/** Replies after so much of the gateway's time. */
const late =
  (ms: number, reply: Reply): Reply =>
  (exchange) =>
    void gateway.pass(ms).then(() => reply(exchange))

describe('weighted', () => {
  test('targets share the calls, and Stats tells the shares', async () => {
    const calls = await Promise.all(Array.from({ length: 300 }, () => chat(client, { model: 'shared' })))
    expect(calls.flatMap(({ error }) => error ?? [])).toEqual([])
    const [one = 0, two = 0] = asked()
    expect(one + two).toBe(300)
    // 60 of 300 are expected at the second, with a standard deviation of 7.
    expect(two).toBeGreaterThan(18)
    expect(two).toBeLessThan(102)
    const { value } = await client.unary(LlmGateway.method.stats, {})
    expect(value?.config?.strategies).toEqual({
      shared: 'weighted',
      fast: 'least_latency',
      cheap: 'least_cost',
      ordered: 'priority',
      vectors: 'weighted',
    })
    expect(value?.models['two/m']?.requests).toBe(BigInt(two))
  })

  test('one that fails is followed by the other', async () => {
    answerWith(failure(404))
    for (let call = 0; call < 10; call++) {
      const { value } = await chat(client, { model: 'shared' })
      expect(value?.message?.content).toBe('two')
      expect(value?.route?.attempts.at(-1)).toMatchObject({ provider: 'two', reason: '' })
      expect(value?.route?.fallbackUsed).toBe(value?.route?.attempts.length === 2)
    }
  })

  test('vectors come from the first model of the alias, wherever it is', async () => {
    const vectors = json({ data: [{ index: 0, embedding: [1] }], usage: { prompt_tokens: 1, total_tokens: 1 } })
    answerWith(vectors, vectors, vectors)
    for (let call = 0; call < 30; call++) await embed(client, { model: 'vectors' })
    const [one = 0, two, three = 0] = asked()
    expect([one + three, two]).toEqual([30, 0])
    expect(Math.min(one, three)).toBeGreaterThan(0)
  })
})

test('by latency the faster one answers most streams, once both were tried', async () => {
  answerWith(late(10_000, answers('one')))
  for (let call = 0; call < 20; call++) expect((await streamChat(client, { model: 'fast' })).error).toBeUndefined()
  const [slow = 0, fast = 0] = asked()
  expect(slow + fast).toBe(20)
  expect(slow).toBeGreaterThan(0)
  expect(slow).toBeLessThan(5)
})

test('by cost the cheapest is asked first, and what has no price last', async () => {
  expect((await chat(client, { model: 'cheap' })).value?.route?.provider).toBe('three')
  answerWith(answers('one'), failure(404), failure(404))
  const { value } = await chat(client, { model: 'cheap' })
  expect(value?.route?.attempts.map(({ provider }) => provider)).toEqual(['three', 'two', 'paid'])
})
