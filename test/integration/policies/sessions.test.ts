import { afterAll, beforeAll, expect, test } from 'vitest'
import { CacheMode } from '../../../src/domain/types.ts'
import { chat, streamChat } from '../../support/client.ts'
import { complete, continues } from '../../support/completions.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { answers, failure, startUpstream, type UpstreamServer } from '../../support/upstream-server.ts'

/* Conversations stay where they were answered. */

const KEYS = ['key-one-0123', 'key-two-4567', 'key-three-89']
const upstreams: UpstreamServer[] = []
let gateway: RunningGateway
let client: GrpcClient

beforeAll(async () => {
  for (let index = 0; index < 3; index++) upstreams.push(await startUpstream(answers('hi')))
  const [one, two, three] = upstreams.map(({ url }) => url)
  gateway = await startGateway({
    yaml: `
auth:
  keys: [{ name: ada, key: "$\{ADA}" }, { name: bob, key: "$\{BOB}" }]
providers:
  one: { kind: openai, base_url: "${one}/v1", keys: ["$\{K1}", "$\{K2}", "$\{K3}"] }
  two: { kind: openai, base_url: "${two}/v1", keys: ["$\{K1}"] }
  three: { kind: openai, base_url: "${three}/v1", keys: ["$\{K1}"] }
models:
  weighted: { strategy: weighted, targets: [one/m, two/m, three/m] }
  fast: { strategy: least_latency, targets: [one/f, two/f, three/f] }
  keys: { strategy: weighted, targets: [one/k] }
`,
    env: {
      K1: KEYS[0] ?? '',
      K2: KEYS[1] ?? '',
      K3: KEYS[2] ?? '',
      ADA: 'ada-key-0123456789abcdef',
      BOB: 'bob-key-0123456789abcdef',
    },
  })
  client = new GrpcClient(gateway.grpc)
})

afterAll(async () => {
  client.close()
  await gateway.close()
  for (const upstream of upstreams) await upstream.close()
})

const as = (name: 'ada' | 'bob') => ({ metadata: { authorization: `Bearer ${name}-key-0123456789abcdef` } })
const fresh = { cache: { mode: CacheMode.BYPASS } }

async function providerOf(model: string, sessionId: string, name: 'ada' | 'bob' = 'ada'): Promise<string> {
  const { value } = await chat(client, { model, sessionId, ...fresh }, as(name))
  return value?.route?.provider ?? ''
}

async function providersOf(model: string, sessionId: string, count: number): Promise<Set<string>> {
  const providers = new Set<string>()
  for (let call = 0; call < count; call++) providers.add(await providerOf(model, sessionId))
  return providers
}

test.each(['weighted', 'fast'])(
  'the alias %s keeps a conversation on one target, and spreads the others',
  async (model) => {
    expect((await providersOf(model, 'talk', 12)).size).toBe(1)
    const firsts = new Set<string>()
    for (let talk = 0; talk < 30; talk++) firsts.add(await providerOf(model, `talk ${talk}`))
    expect(firsts.size).toBeGreaterThan(1)
    expect((await providersOf(model, '', 40)).size).toBeGreaterThan(1)
  },
)

test('and on one key', async () => {
  const used = new Set<string>()
  for (let call = 0; call < 9; call++) {
    const { value } = await chat(client, { model: 'keys', sessionId: 'one key', ...fresh }, as('ada'))
    used.add(value?.route?.keyId ?? '')
  }
  expect(used.size).toBe(1)
})

test('for streams and completions as well', async () => {
  const provider = await providerOf('weighted', 'mixed')
  for (let call = 0; call < 5; call++) {
    const { messages } = await streamChat(client, { model: 'weighted', sessionId: 'mixed', ...fresh }, as('ada'))
    const start = messages[0]?.event
    expect(start?.case === 'start' && start.value.route?.provider).toBe(provider)
  }
  for (const upstream of upstreams) upstream.answer(continues('hi'))
  const { value } = await complete(client, { model: 'weighted', sessionId: 'mixed', ...fresh }, as('ada'))
  expect(value?.route?.provider).toBe(provider)
  for (const upstream of upstreams) upstream.answer(answers('hi'))
})

test('until the target fails: then it stays with the one that answered instead', async () => {
  const before = await providerOf('weighted', 'moves')
  const failing = upstreams[['one', 'two', 'three'].indexOf(before)]
  failing?.answer(failure(503))
  const after = await providerOf('weighted', 'moves')
  expect(after).not.toBe(before)
  failing?.answer(answers('hi'))
  expect([...(await providersOf('weighted', 'moves', 6))]).toEqual([after])
})
