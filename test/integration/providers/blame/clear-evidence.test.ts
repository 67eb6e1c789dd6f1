import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AttemptOutcome } from '../../../../src/domain/types.ts'
import { chat } from '../../../support/client.ts'
import { chatBody, failure, json, type Reply, reset, silence } from '../../../support/upstream-server.ts'
import { as, type BlameWorld, keyOf, POISON, startBlameWorld } from './blame-world.ts'

/* What cannot be about the request puts a key aside or opens a breaker, whoever meets it; and what bounds one call. */

interface Evidence {
  readonly name: string
  readonly kind: string
  readonly reply: Reply
  readonly reason: string
}

const google = (code: number, status: string, message: string, details: readonly object[] = []) =>
  json({ error: { code, message, status, details } }, code)
const claude = (status: number, type: string, message: string) =>
  json({ type: 'error', error: { type, message }, request_id: 'req_1' }, status)

const API_KEY_INVALID = [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID' }]
const LOW_CREDIT =
  'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.'

const KEY_EVIDENCE: readonly Evidence[] = [
  ...['openai', 'groq', 'mistral', 'deepseek', 'openrouter', 'azure', 'local'].map((kind) => ({
    name: `${kind}, 401`,
    kind,
    reply: failure(401, { code: 'invalid_api_key', message: 'Incorrect API key provided: sk-***.' }),
    reason: 'UPSTREAM_CREDENTIALS',
  })),
  {
    name: 'anthropic, 401',
    kind: 'anthropic',
    reply: claude(401, 'authentication_error', 'invalid x-api-key'),
    reason: 'UPSTREAM_CREDENTIALS',
  },
  {
    name: 'anthropic, a low credit',
    kind: 'anthropic',
    reply: claude(400, 'invalid_request_error', LOW_CREDIT),
    reason: 'UPSTREAM_QUOTA_EXHAUSTED',
  },
  {
    name: 'gemini, API_KEY_INVALID in the details',
    kind: 'gemini',
    reply: google(400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.', API_KEY_INVALID),
    reason: 'UPSTREAM_CREDENTIALS',
  },
  {
    name: 'openai, insufficient_quota',
    kind: 'openai',
    reply: failure(429, { code: 'insufficient_quota', type: 'insufficient_quota' }),
    reason: 'UPSTREAM_QUOTA_EXHAUSTED',
  },
  {
    name: 'xai, a wrong key with 400',
    kind: 'xai',
    reply: json(
      {
        code: 'Client specified an invalid argument',
        error: 'Incorrect API key provided: ab***cd. You can obtain an API key from https://console.x.ai.',
      },
      400,
    ),
    reason: 'UPSTREAM_CREDENTIALS',
  },
  ...['deepseek', 'cerebras', 'huggingface'].map((kind) => ({
    name: `${kind}, 402`,
    kind,
    reply: failure(402),
    reason: 'UPSTREAM_BILLING',
  })),
]

const BLOCKED = failure(403, { code: 'model_permission_blocked_org', message: 'The model `m` is blocked.' })
const CRASH = (exchange: Parameters<Reply>[0]) => {
  exchange.response.setHeader('retry-after-ms', '0')
  failure(500, { message: 'Internal error' })(exchange)
}

let world: BlameWorld

beforeAll(async () => {
  world = await startBlameWorld(
    [
      ...KEY_EVIDENCE.map(({ kind, reply }, index) => ({ name: `key${index}`, kind, reply })),
      { name: 'blocked', kind: 'groq', reply: BLOCKED },
      { name: 'large', kind: 'openai', reply: BLOCKED, keys: 8 },
      { name: 'pool', kind: 'openai', reply: BLOCKED, keys: 8 },
      { name: 'alike', kind: 'openai', reply: failure(403), keys: 8 },
      { name: 'crash', kind: 'openai', reply: CRASH },
      { name: 'crash-too', kind: 'openai', reply: CRASH },
      { name: 'gone', kind: 'openai', reply: reset },
      { name: 'busy', kind: 'openai', reply: json('', 503) },
      { name: 'slow', kind: 'openai', reply: silence },
      { name: 'invalid', kind: 'openai', reply: failure(400) },
      { name: 'filtered', kind: 'openai', reply: failure(400, { code: 'content_filter' }) },
      { name: 'unmade', kind: 'openai', reply: failure(404, { code: 'model_not_found' }) },
    ],
    {
      models: [
        'one-more: { on_invalid: next, targets: [invalid/m, invalid/n, other/m] }',
        'refined: { on_invalid: next, targets: [invalid/m, other/m] }',
        'never: { on_invalid: next, targets: [filtered/m, other/m] }',
      ],
    },
  )
})

afterAll(() => world.close())

describe('a key is quarantined, after every key was tried, by', () => {
  test.each(KEY_EVIDENCE.map((row, index) => ({ ...row, provider: `key${index}` })))(
    '$name',
    async ({ reason, provider }) => {
      const { error } = await world.poisoned(`${provider}/m`)
      expect(error?.reason).toBe(reason)
      expect(world.hits(provider).map(keyOf).toSorted()).toEqual(['vendor-key-0', 'vendor-key-1', 'vendor-key-2'])
      expect(await world.keysOf(provider)).toEqual(Array(3).fill({ state: 'QUARANTINED', cooling: 0, reason }))
    },
  )
})

test('a code about the model lets the key rest for this model and task only', async () => {
  expect((await world.poisoned('blocked/m')).error?.reason).toBe('UPSTREAM_FORBIDDEN')
  expect(world.hits('blocked')).toHaveLength(3)
  expect(await world.keysOf('blocked')).toEqual(Array(3).fill({ state: 'COOLING', cooling: 1, reason: '' }))
  expect(await world.othersAreAnswered('blocked', false)).toMatchObject({ otherModel: 'ok' })
})

test('of eight keys three are spent, one is revoked and one is slow: no call fails', async () => {
  const spent = failure(429, { code: 'insufficient_quota' })
  const revoked = failure(401, { code: 'invalid_api_key' })
  const well = json(chatBody('ok'))
  const made = 40
  const waiting: (() => void)[] = []
  let answered = 0
  // The slow key answers once nothing but its own calls is left.
  const releaseLast = () => {
    if (answered + waiting.length === made) for (const release of waiting) release()
  }
  const replies: Readonly<Record<string, Reply>> = {
    'vendor-key-0': spent,
    'vendor-key-2': spent,
    'vendor-key-4': spent,
    'vendor-key-5': revoked,
    'vendor-key-7': (exchange) => {
      waiting.push(() => well(exchange))
      releaseLast()
    },
  }
  world.answer('pool', (exchange) => (replies[keyOf(exchange.hit)] ?? well)(exchange))
  const calls = Array.from({ length: made }, async () => {
    const call = await world.poisoned('pool/m')
    answered++
    releaseLast()
    return call
  })
  const contents = (await Promise.all(calls)).map(({ value }) => value?.message?.content)
  expect(contents).toEqual(Array(made).fill('ok'))
  expect(waiting).not.toHaveLength(0)
  const states = (await world.keysOf('pool')).map(({ state }) => state)
  expect(states.filter((state) => state === 'QUARANTINED')).toHaveLength(4)
  expect(states.filter((state) => state === 'AVAILABLE')).toHaveLength(4)
})

test('after two keys that answer alike no further one is tried', async () => {
  expect((await world.poisoned('alike/m')).error?.reason).toBe('UPSTREAM_FORBIDDEN')
  expect(world.hits('alike')).toHaveLength(2)
  expect(await world.keysOf('alike')).toEqual(Array(8).fill({ state: 'AVAILABLE', cooling: 0, reason: '' }))
})

test('25 failures that one poisoned prompt causes open no breaker for others', async () => {
  for (let made = 0; made < 25; made++) await world.poisoned('crash/m')
  expect(await world.othersAreAnswered('crash')).toEqual({ sameModel: 'ok', otherModel: 'ok', embeddings: 'ok' })
  expect(await world.breakerOf('crash')).toBe('CLOSED')
})

test('25 different requests of one caller that fail open it for that caller alone', async () => {
  for (let made = 0; made < 25; made++) await world.poisoned('crash-too/m', `${made}`)
  expect((await world.poisoned('crash-too/m', 'again')).error?.reason).toBe('UPSTREAM_CIRCUIT_OPEN')
  expect(await world.othersAreAnswered('crash-too')).toEqual({ sameModel: 'ok', otherModel: 'ok', embeddings: 'ok' })
})

test.each([
  ['gone', 'UPSTREAM_RESET'],
  ['busy', 'UPSTREAM_OVERLOADED'],
])('an outage that one caller sees opens the breaker for all within 20 calls: %s', async (provider, reason) => {
  const seen: (string | undefined)[] = []
  for (let made = 0; made < 20; made++) {
    const { error } = await chat(
      world.client,
      { model: `${provider}/m`, messages: [{ role: 1, content: POISON }] },
      as('a'),
    )
    seen.push(error?.reason)
  }
  expect(seen[0]).toBe(reason)
  const { error } = await chat(world.client, { model: `${provider}/m` }, as('b'))
  expect(error?.reason).toBe('UPSTREAM_CIRCUIT_OPEN')
})

test('sixteen made-up fallback models cause no more attempts than the bound', async () => {
  const fallbackModels = Array.from({ length: 16 }, (_, index) => `unmade/made-up-${index}`)
  const { error } = await world.poisoned('unmade/made-up', '', { fallbackModels })
  expect(error?.reason).toBe('UPSTREAM_MODEL_MISSING')
  expect(world.hits('unmade')).toHaveLength(6)
  const asked = error?.detail?.attempts.filter(({ outcome }) => outcome !== AttemptOutcome.SKIPPED)
  expect(asked).toHaveLength(6)
})

describe('on_invalid: next', () => {
  test("asks one further target after a vendor's 400", async () => {
    const { value } = await world.poisoned('refined')
    expect(value?.route?.provider).toBe('other')
  })

  test('asks no second further target', async () => {
    const { error } = await world.poisoned('one-more')
    expect(error?.reason).toBe('UPSTREAM_INVALID_REQUEST')
    expect(error?.detail?.attempts.map(({ provider, model }) => `${provider}/${model}`)).toEqual([
      'invalid/m',
      'invalid/n',
    ])
  })

  test('does not apply to the content filter', async () => {
    const { error } = await world.poisoned('never')
    expect(error?.reason).toBe('CONTENT_FILTERED')
    expect(error?.detail?.attempts).toHaveLength(1)
  })
})
