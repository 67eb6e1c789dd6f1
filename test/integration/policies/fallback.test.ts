import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AttemptOutcome, Role } from '../../../src/domain/types.ts'
import { type ChatInit, chat, embed, streamChat } from '../../support/client.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import {
  answers,
  failure,
  json,
  type Reply,
  reset,
  startUpstream,
  type UpstreamServer,
} from '../../support/upstream-server.ts'

/* What becomes of a call when its targets fail, one after the other. */

const NAMES = ['one', 'two', 'three', 'four', 'five', 'six'] as const
const upstreams: UpstreamServer[] = []
let gateway: RunningGateway
let client: GrpcClient

beforeAll(async () => {
  for (const _ of NAMES) upstreams.push(await startUpstream())
  const url = (index: number) => upstreams[index]?.url
  const pairs = BOTH_FAIL.map((_, index) => `pair-${index}`)
  gateway = await startGateway({
    yaml: [
      'providers:',
      ...NAMES.map((name, index) => `  ${name}: { kind: openai, base_url: "${url(index)}", keys: ["$\{KEY}"] }`),
      `  no-files: { kind: groq, base_url: "${url(0)}", keys: ["$\{KEY}"] }`,
      // A refused key is not used again: each pair has keys of its own.
      ...pairs.flatMap((pair) => [
        `  ${pair}-one: { kind: openai, base_url: "${url(0)}", keys: ["$\{KEY}"] }`,
        `  ${pair}-two: { kind: openai, base_url: "${url(1)}", keys: ["$\{KEY}"] }`,
      ]),
      'models:',
      ...pairs.map((pair) => `  ${pair}: { targets: [${pair}-one/m, ${pair}-two/m] }`),
      // Other models than those of other calls: a limited key rests for a while.
      '  two: { targets: [one/v, two/v] }',
      '  other-models: { targets: [one/v, two/another, five/v] }',
      '  windows: { targets: [one/small, two/small, three/unknown, four/large] }',
      '  small-windows: { targets: [one/small, two/small] }',
      '  files: { targets: [no-files/m, two/n] }',
      'prices:',
      '  one/small: { input: 1, output: 1, context_window: 1000 }',
      '  two/small: { input: 1, output: 1, context_window: 1000 }',
      '  four/large: { input: 1, output: 1, context_window: 2000 }',
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

/** How each upstream answers, in their order; what is not named answers with its own name. */
function answerWith(...replies: readonly Reply[]): void {
  for (const [index, upstream] of upstreams.entries()) {
    upstream.hits.length = 0
    upstream.answer(replies[index] ?? answers(NAMES[index] ?? ''))
  }
}

let models = 0
/** All upstreams, or the first of them, with a model that no test has asked for: what failed often is left out. */
function fresh(count: number = NAMES.length): ChatInit {
  const [model, ...fallbackModels] = NAMES.slice(0, count).map((name) => `${name}/m${models}`)
  models++
  return { model: model ?? '', fallbackModels }
}

/** Which upstreams were asked. */
function asked(): string[] {
  return NAMES.filter((_, index) => (upstreams[index]?.hits.length ?? 0) > 0)
}

describe('of six targets of which five fail', () => {
  const FIVE = [failure(503), failure(429), failure(401), reset, failure(404)]
  const REASONS = [
    'UPSTREAM_OVERLOADED',
    'UPSTREAM_RATE_LIMITED',
    'UPSTREAM_CREDENTIALS',
    'UPSTREAM_RESET',
    'UPSTREAM_MODEL_MISSING',
  ]

  test('the sixth answers, and the route tells of the five in their order', async () => {
    answerWith(...FIVE)
    const { value } = await chat(client, fresh())
    expect(value?.message?.content).toBe('six')
    expect(value?.route).toMatchObject({ provider: 'six', fallbackUsed: true })
    expect(value?.route?.attempts.map(({ provider, reason }) => [provider, reason])).toEqual(
      [
        ['one', 'UPSTREAM_OVERLOADED'],
        ['two', 'UPSTREAM_RATE_LIMITED'],
        ...REASONS.map((reason, index) => [NAMES[index], reason]),
        ['six', ''],
      ].toSorted(([one], [other]) => NAMES.indexOf(one as 'one') - NAMES.indexOf(other as 'one')),
    )
    expect(upstreams.map(({ hits }) => hits.length)).toEqual([2, 2, 1, 1, 1, 1])
  })

  test('the sixth answers a stream too', async () => {
    answerWith(...FIVE)
    const { text, cases, error } = await streamChat(client, fresh())
    expect(error).toBeUndefined()
    expect({ text, cases }).toEqual({ text: 'six', cases: ['start', 'text', 'finish'] })
  })

  test('the error of all six names each with its reason', async () => {
    answerWith(...FIVE, failure(500))
    const { error } = await chat(client, fresh())
    expect(error?.code).toBe('UNAVAILABLE')
    for (const [index, reason] of [...REASONS, 'UPSTREAM_ERROR'].entries()) {
      expect(error?.message).toMatch(new RegExp(`${NAMES[index]}/m\\d+: ${reason}`))
    }
    expect(error?.detail?.attempts.map(({ provider }) => provider)).toEqual(['one', 'one', 'two', ...NAMES.slice(1)])
    expect(error?.metadata).toMatchObject({ attempts: '8', committed: 'false' })
  })

  test('nobody but the first is asked when the caller wants no fallback', async () => {
    answerWith(...FIVE)
    const { error } = await chat(client, { ...fresh(), disableFallback: true })
    expect(error?.reason).toBe('UPSTREAM_OVERLOADED')
    expect(asked()).toEqual(['one'])
  })
})

test('the first target alone is asked when it answers', async () => {
  answerWith()
  const { value } = await chat(client, fresh())
  expect(value?.route).toMatchObject({ provider: 'one', fallbackUsed: false })
  expect(asked()).toEqual(['one'])
})

const limited = (seconds: string) => failure(429, {}, { 'retry-after': seconds })
const spent = failure(429, { code: 'insufficient_quota' })
const tooLong = failure(400, { code: 'context_length_exceeded' })

const BOTH_FAIL: readonly (readonly [
  error: string,
  first: Reply,
  second: Reply,
  code: string,
  wait: number | undefined,
])[] = [
  ['about the request, if one of them says so', failure(503), failure(400), 'INVALID_ARGUMENT', undefined],
  ['a rate limit with the shorter wait, if both are limited', limited('30'), limited('7'), 'RESOURCE_EXHAUSTED', 7000],
  ['a rate limit, if the quota of one is spent', spent, limited('30'), 'RESOURCE_EXHAUSTED', 30_000],
  ['what may pass, if one is limited and one is down', limited('30'), failure(500), 'UNAVAILABLE', 30_000],
  ['what may pass, if one is to be mended', failure(401), failure(500), 'UNAVAILABLE', undefined],
  ['what is to be mended, if both are', failure(401), failure(404), 'FAILED_PRECONDITION', undefined],
  ['what is to be mended, if one is limited', limited('30'), failure(401), 'FAILED_PRECONDITION', undefined],
  ['without a wait, if the quota of both is spent', spent, spent, 'RESOURCE_EXHAUSTED', undefined],
  ['without a wait, if the request is wrong', limited('30'), failure(400), 'INVALID_ARGUMENT', undefined],
]

describe('when both targets fail, the error is', () => {
  test.each(BOTH_FAIL.map((row, index) => [...row, `pair-${index}`] as const))(
    '%s',
    async (_, first, second, code, wait, model) => {
      answerWith(first, second)
      const { error } = await chat(client, { model })
      expect(error?.code).toBe(code)
      expect(error?.retryAfter).toBe(wait)
      expect(new Set(error?.detail?.attempts.map(({ provider }) => provider)).size).toBe(2)
    },
  )
})

test("the caller's own mistake is told at once, and costs one request", async () => {
  answerWith(failure(400))
  const { error } = await chat(client, fresh())
  expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'UPSTREAM_INVALID_REQUEST' })
  expect(asked()).toEqual(['one'])
  expect(upstreams[0]?.hits).toHaveLength(1)
})

describe('a conversation that is too long for the first model', () => {
  test('goes to one with a larger window only, and the route tells who was passed over', async () => {
    answerWith(tooLong)
    const { value } = await chat(client, { model: 'windows' })
    expect(value?.message?.content).toBe('four')
    expect(asked()).toEqual(['one', 'four'])
    const reason = 'CONTEXT_LENGTH_EXCEEDED'
    expect(value?.route?.attempts).toMatchObject([
      { provider: 'one', outcome: AttemptOutcome.FAILED, reason },
      { provider: 'two', outcome: AttemptOutcome.SKIPPED, reason },
      { provider: 'three', outcome: AttemptOutcome.SKIPPED, reason },
      { provider: 'four', outcome: AttemptOutcome.OK, reason: '' },
    ])
  })

  test('fails as too long when there is none', async () => {
    answerWith(tooLong)
    const { error } = await chat(client, { model: 'small-windows' })
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'CONTEXT_LENGTH_EXCEEDED' })
    expect(asked()).toEqual(['one'])
  })
})

describe('content that a target cannot carry', () => {
  const file = {
    content: {
      case: 'file' as const,
      value: { source: { case: 'data' as const, value: new Uint8Array([1]) }, mimeType: 'application/pdf' },
    },
  }
  const messages = [{ role: Role.USER, parts: [file] }]

  test('passes it over', async () => {
    answerWith()
    const { value } = await chat(client, { model: 'files', messages })
    expect(value?.route).toMatchObject({
      provider: 'two',
      attempts: [{ outcome: AttemptOutcome.SKIPPED, reason: 'UNSUPPORTED' }, {}],
    })
    expect(asked()).toEqual(['two'])
  })

  test('is refused when no target is left, and the field is named', async () => {
    answerWith()
    const { error } = await chat(client, { model: 'no-files/m', messages })
    expect(error).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'UNSUPPORTED',
      fields: ['messages[0].parts[0]'],
    })
    expect(asked()).toEqual([])
  })

  test('does not hide why the target failed that could carry it', async () => {
    answerWith(answers('one'), failure(503))
    const { error } = await chat(client, { model: 'files', messages })
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'UPSTREAM_OVERLOADED' })
    expect(error?.detail?.attempts).toMatchObject([
      { reason: 'UNSUPPORTED' },
      { reason: 'UPSTREAM_OVERLOADED' },
      { reason: 'UPSTREAM_OVERLOADED' },
    ])
  })
})

describe('embeddings', () => {
  const vectors = json({ data: [{ index: 0, embedding: [0.5, 0.25] }], usage: { prompt_tokens: 1, total_tokens: 1 } })

  test('fall back to another provider of the same model', async () => {
    answerWith(failure(503), vectors)
    const { value } = await embed(client, { model: 'two' })
    expect(value?.embeddings[0]?.values).toEqual([0.5, 0.25])
    expect(value?.route).toMatchObject({ provider: 'two', fallbackUsed: true })
  })

  test('never fall back to another model, whose vectors would not compare', async () => {
    answerWith(failure(503), vectors, answers('three'), answers('four'), failure(503))
    const { error } = await embed(client, { model: 'other-models' })
    expect(error?.code).toBe('UNAVAILABLE')
    expect(asked()).toEqual(['one', 'five'])
  })
})
