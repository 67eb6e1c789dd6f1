import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AttemptOutcome, type KeyInfo, KeyState, LlmGatewayAdmin } from '../../../src/domain/types.ts'
import { chat, embed, streamChat } from '../../support/client.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import {
  answers,
  failure,
  frame,
  json,
  type Reply,
  startUpstream,
  stream,
  type UpstreamServer,
} from '../../support/upstream-server.ts'

/* Several keys of one provider, of which some are refused, limited or spent. */

const KEYS = ['key-one', 'key-two', 'key-three'] as const
type Name = (typeof KEYS)[number]

/** Providers with keys of their own, one for each test: what befalls a key outlasts the call. */
const PROVIDERS = [
  'refused',
  'streamed',
  'forbidden',
  'limited',
  'all',
  'spent',
  'mixed',
  'soon',
  'batches',
  'counted',
  'inside',
]

let vendor: UpstreamServer
let other: UpstreamServer
let gateway: RunningGateway
let client: GrpcClient

beforeAll(async () => {
  vendor = await startUpstream()
  other = await startUpstream(answers('other'))
  const kinds: Readonly<Record<string, string>> = { forbidden: 'groq' }
  gateway = await startGateway({
    movableTime: true,
    yaml: [
      'providers:',
      ...PROVIDERS.map(
        (name) =>
          `  ${name}: { kind: ${kinds[name] ?? 'openai'}, base_url: "${vendor.url}/${name}", keys: ["$\{ONE}", "$\{TWO}", "$\{THREE}"] }`,
      ),
      `  other: { kind: local, base_url: "${other.url}" }`,
      'models:',
      ...PROVIDERS.map((name) => `  ${name}-or-other: { targets: [${name}/m, other/m] }`),
    ].join('\n'),
    env: { ONE: KEYS[0], TWO: KEYS[1], THREE: KEYS[2] },
  })
  client = new GrpcClient(gateway.grpc)
})

afterAll(async () => {
  client.close()
  await gateway.close()
  await vendor.close()
  await other.close()
})

/** How each key is answered; keys that are not named are answered well. */
function answerBy(replies: Partial<Record<Name, Reply>>): void {
  vendor.hits.length = 0
  vendor.answer((exchange) => {
    const reply = KEYS.find((key) => exchange.hit.headers.authorization === `Bearer ${key}`)
    const answer = (reply && replies[reply]) ?? answers('ok')
    answer(exchange)
  })
}

/** Which keys the vendor was asked with, in order. */
function keysSent(): string[] {
  return vendor.hits.map(({ headers }) => headers.authorization?.slice('Bearer '.length) ?? '')
}

async function keysOf(provider: string): Promise<readonly KeyInfo[]> {
  const { value } = await client.unary(LlmGatewayAdmin.method.listKeys, { provider })
  return value?.keys ?? []
}

const refusal = failure(401, { code: 'invalid_api_key' })
const spent = failure(429, { code: 'insufficient_quota' })
const limit = (seconds: number) => failure(429, {}, { 'retry-after': String(seconds) })

describe('a key that is refused', () => {
  test('is followed by the next one, and not used again', async () => {
    answerBy({ 'key-one': refusal })
    const { value } = await chat(client, { model: 'refused/m' })
    expect(value?.message?.content).toBe('ok')
    expect(keysSent()).toEqual(['key-one', 'key-two'])
    const [first, second] = value?.route?.attempts ?? []
    expect(first).toMatchObject({ outcome: AttemptOutcome.FAILED, reason: 'UPSTREAM_CREDENTIALS', status: 401 })
    expect(second).toMatchObject({ provider: 'refused', outcome: AttemptOutcome.OK })
    expect(first?.keyId).not.toBe(second?.keyId)
    expect(value?.route).toMatchObject({ keyId: second?.keyId, fallbackUsed: false })

    for (let call = 0; call < 6; call++) await chat(client, { model: 'refused/m' })
    expect(keysSent().filter((key) => key === 'key-one')).toHaveLength(1)
    expect(await keysOf('refused')).toMatchObject([
      { keyId: first?.keyId, state: KeyState.QUARANTINED, reason: 'UPSTREAM_CREDENTIALS', requests: 1n, errors: 1n },
      { keyId: second?.keyId, state: KeyState.AVAILABLE, reason: '', errors: 0n },
      { state: KeyState.AVAILABLE },
    ])
  })

  test('is followed by the next one in a stream, too', async () => {
    answerBy({ 'key-one': refusal, 'key-two': refusal })
    const { text, cases, error } = await streamChat(client, { model: 'streamed/m' })
    expect(error).toBeUndefined()
    expect({ text, cases }).toEqual({ text: 'ok', cases: ['start', 'text', 'finish'] })
    expect(keysSent()).toEqual(['key-one', 'key-two', 'key-three'])
  })

  test('is told in the log, by its id alone', async () => {
    const line = await gateway.logged((each) => each['message'] === 'key quarantined')
    expect(line).toMatchObject({ level: 'warn', reason: 'UPSTREAM_CREDENTIALS' })
    for (const key of KEYS) expect(gateway.output()).not.toContain(key)
  })
})

test('with every key refused the target is passed over at once, and the next one answers', async () => {
  const forbidden = failure(403, { code: 'invalid_api_key' })
  answerBy({ 'key-one': forbidden, 'key-two': forbidden, 'key-three': forbidden })
  const { error } = await chat(client, { model: 'forbidden/m' })
  expect(error).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'UPSTREAM_CREDENTIALS' })
  expect(error?.detail?.attempts).toHaveLength(3)
  expect(keysSent()).toHaveLength(3)

  const again = await chat(client, { model: 'forbidden/m' })
  expect(again.error).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'UPSTREAM_CREDENTIALS' })
  expect(again.error?.detail?.attempts).toMatchObject([
    { outcome: AttemptOutcome.SKIPPED, reason: 'UPSTREAM_CREDENTIALS', keyId: '' },
  ])
  const { value } = await chat(client, { model: 'forbidden-or-other' })
  expect(value?.route).toMatchObject({
    provider: 'other',
    fallbackUsed: true,
    attempts: [{ outcome: AttemptOutcome.SKIPPED }, {}],
  })
  expect(keysSent()).toHaveLength(3)
})

describe('a key that is limited', () => {
  test('rests for that model alone', async () => {
    answerBy({ 'key-one': limit(3_600) })
    const before = Date.now() / 1_000
    const { value } = await chat(client, { model: 'limited/m' })
    const after = Date.now() / 1_000
    expect(value?.route?.attempts).toMatchObject([{ reason: 'UPSTREAM_RATE_LIMITED', status: 429 }, { reason: '' }])
    for (let call = 0; call < 5; call++) await chat(client, { model: 'limited/m' })
    expect(keysSent().filter((key) => key === 'key-one')).toHaveLength(1)
    const [key] = await keysOf('limited')
    expect(key).toMatchObject({ state: KeyState.COOLING, cooling: [{ model: 'm', reason: 'UPSTREAM_RATE_LIMITED' }] })
    const until = Number(key?.cooling[0]?.until?.seconds)
    expect(until).toBeGreaterThanOrEqual(Math.floor(before) + 3_600)
    expect(until).toBeLessThanOrEqual(after + 3_600)

    answerBy({})
    for (let call = 0; call < 3; call++) await chat(client, { model: 'limited/n' })
    expect(keysSent().sort()).toEqual([...KEYS].sort())
  })

  test('and all others too: the caller is told the earliest return, and nobody is asked until then', async () => {
    answerBy({ 'key-one': limit(6_000), 'key-two': limit(2_000), 'key-three': limit(4_000) })
    const { error } = await chat(client, { model: 'all/m' })
    expect(error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'UPSTREAM_RATE_LIMITED' })
    expect(error?.retryAfter).toBeGreaterThan(0)
    expect(error?.retryAfter).toBeLessThanOrEqual(2_000_000)
    expect(error?.detail?.attempts).toHaveLength(3)

    await gateway.pass(1_000)
    const again = await chat(client, { model: 'all/m' })
    expect(again.error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'UPSTREAM_RATE_LIMITED' })
    expect(again.error?.retryAfter).toBeLessThan(error?.retryAfter ?? 0)
    expect(again.error?.message).toContain('each of its 3 keys rests')
    expect((await streamChat(client, { model: 'all-or-other' })).text).toBe('other')
    expect(keysSent()).toHaveLength(3)
  })

  test('is used again when its time is over', async () => {
    answerBy({ 'key-one': limit(3), 'key-two': refusal, 'key-three': refusal })
    const { error } = await chat(client, { model: 'soon/m' })
    expect(error?.code).toBe('RESOURCE_EXHAUSTED')
    answerBy({})
    await gateway.pass(3_000)
    const { value } = await chat(client, { model: 'soon/m' })
    expect(value?.message?.content).toBe('ok')
    expect(keysSent()).toEqual(['key-one'])
  })
})

test('a spent quota is not asked for again, and waiting is not advised', async () => {
  answerBy({ 'key-one': spent, 'key-two': spent, 'key-three': spent })
  for (const attempts of [3, 1]) {
    const { error } = await chat(client, { model: 'spent/m' })
    expect(error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'UPSTREAM_QUOTA_EXHAUSTED', pushback: '-1' })
    expect(error?.retryAfter).toBeUndefined()
    expect(error?.detail?.attempts).toHaveLength(attempts)
  }
  expect(keysSent()).toEqual(KEYS)
})

test('of keys that fail for several reasons, the one that passes by itself is told', async () => {
  answerBy({ 'key-one': limit(30), 'key-two': spent, 'key-three': refusal })
  const { error } = await chat(client, { model: 'mixed/m' })
  expect(error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'UPSTREAM_RATE_LIMITED' })
  // Less what the other keys took.
  expect(error?.retryAfter).toBeGreaterThan(0)
  expect(error?.retryAfter).toBeLessThanOrEqual(30_000)
  const again = await chat(client, { model: 'mixed/m' })
  expect(again.error?.reason).toBe('UPSTREAM_RATE_LIMITED')
  expect(keysSent()).toEqual(KEYS)
})

test("a limit that is told inside a reply that began well is the key's, too", async () => {
  answerBy({ 'key-one': stream(frame({ error: { type: 'rate_limit_error', message: 'no' } })) })
  const { text, messages } = await streamChat(client, { model: 'inside/m' })
  expect(text).toBe('ok')
  const finish = messages.at(-1)?.event
  const route = finish?.case === 'finish' ? finish.value.route : undefined
  expect(route?.attempts).toMatchObject([{ reason: 'UPSTREAM_RATE_LIMITED', status: 200 }, { reason: '' }])
  expect(keysSent()).toEqual(['key-one', 'key-two'])
})

test("the vendor's own trouble is not its key's: no other key is tried", async () => {
  answerBy({ 'key-one': failure(502), 'key-two': failure(502), 'key-three': failure(502) })
  const { error } = await chat(client, { model: 'counted/m' })
  expect(error?.reason).toBe('UPSTREAM_GATEWAY')
  expect(keysSent()).toHaveLength(1)
  answerBy({})
  for (let call = 0; call < 3; call++) await chat(client, { model: 'counted/m' })
  expect(keysSent().sort()).toEqual([...KEYS].sort())
  const keys = await keysOf('counted')
  expect(keys.reduce((sum, { requests }) => sum + requests, 0n)).toBe(4n)
  expect(keys.reduce((sum, { errors }) => sum + errors, 0n)).toBe(1n)
  for (const key of keys) expect(key).toMatchObject({ active: 0, state: KeyState.AVAILABLE })
})

test('all batches of a call go with one key', async () => {
  answerBy({})
  vendor.answer((exchange) => {
    const inputs = exchange.hit.json['input']
    const count = Array.isArray(inputs) ? inputs.length : 0
    json({ data: Array.from({ length: count }, (_, index) => ({ index, embedding: [1] })) })(exchange)
  })
  const { value } = await embed(client, { model: 'batches/m', inputs: Array(3_000).fill('a') })
  expect(value?.embeddings).toHaveLength(3_000)
  expect(keysSent()).toEqual(['key-one', 'key-one'])
})

describe('ListKeys', () => {
  test('tells all keys of all providers', async () => {
    const { value } = await client.unary(LlmGatewayAdmin.method.listKeys, {})
    expect(new Set(value?.keys.map(({ provider }) => provider))).toEqual(new Set([...PROVIDERS, 'other']))
    expect(value?.keys.filter(({ provider }) => provider === 'all').map(({ keyId }) => keyId)).toEqual([
      expect.stringMatching(/^[0-9a-f]{8}$/),
      expect.stringMatching(/^[0-9a-f]{8}$/),
      expect.stringMatching(/^[0-9a-f]{8}$/),
    ])
  })

  test('knows which providers there are', async () => {
    const { error } = await client.unary(LlmGatewayAdmin.method.listKeys, { provider: 'refusedd' })
    expect(error).toMatchObject({ code: 'NOT_FOUND', reason: 'PROVIDER_NOT_FOUND' })
  })

  test('is shown in metrics by state', async () => {
    const page = await (await fetch(gateway.metrics)).text()
    expect(page).toContain('llm_gateway_keys{provider="refused",state="quarantined"} 1')
    expect(page).toContain('llm_gateway_keys{provider="refused",state="available"} 2')
    expect(page).toContain('llm_gateway_keys{provider="all",state="cooling"} 3')
  })
})
