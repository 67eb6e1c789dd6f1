import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isOutcomeUnknown, type Reason } from '../../../../src/domain/errors/reasons.ts'
import { AttemptOutcome } from '../../../../src/domain/types.ts'
import { chat, streamChat } from '../../../support/client.ts'
import { type RunningGateway, startGateway } from '../../../support/gateway.ts'
import { GrpcClient } from '../../../support/grpc-client.ts'
import {
  answers,
  failure,
  json,
  type Reply,
  startUpstream,
  type UpstreamServer,
} from '../../../support/upstream-server.ts'

/* What a vendor's failed reply means: the status and the reason that a caller sees, whether waiting helps, and whether the next target is asked. */

let gateway: RunningGateway
let client: GrpcClient
let vendor: UpstreamServer
let other: UpstreamServer

const KINDS = ['openai', 'groq', 'xai', 'openrouter', 'local']

beforeAll(async () => {
  vendor = await startUpstream()
  other = await startUpstream(answers('other'))
  const providers = KINDS.map(
    (kind) => `${kind}: { kind: ${kind}, base_url: "${vendor.url}/v1", keys: ["$\{KEY}", "$\{KEY_2}"] }`,
  )
  const azure = `azure: { kind: azure, base_url: "${vendor.url}", keys: ["$\{KEY}"] }`
  // A refused key is not used again: each row has keys of its own, one for each of its calls.
  const fresh = [
    ...ROWS.map(([kind], index) => [kind, `row-${index}`]),
    ...LIMITS.map((_, index) => ['openai', `limit-${index}`]),
  ]
  const single = fresh.flatMap(([kind, name]) =>
    [name, `${name}-streamed`].map(
      (each) => `${each}: { kind: ${kind}, base_url: "${vendor.url}/v1", keys: ["$\{KEY}"] }`,
    ),
  )
  const aliases = [...KINDS, 'azure', ...fresh.map(([, name]) => `${name}-streamed`)].map(
    (name) => `${name}-or-other: { targets: [${name}/m, other/m] }`,
  )
  gateway = await startGateway({
    yaml: [
      'providers:',
      `  other: { kind: local, base_url: "${other.url}" }`,
      ...[...providers, ...single, azure].map((line) => `  ${line}`),
      'models:',
      ...aliases.map((line) => `  ${line}`),
    ].join('\n'),
    env: { KEY: 'a-key', KEY_2: 'another-key' },
  })
  client = new GrpcClient(gateway.grpc)
})

afterAll(async () => {
  client.close()
  await gateway.close()
  await vendor.close()
  await other.close()
})

interface Row {
  readonly reply: Reply
  readonly code: string
  readonly reason: Reason
  /** What RetryInfo says, in ms. */
  readonly wait?: number
  /** Whether the same target is asked once more. */
  readonly again?: boolean
  /** Whether the next target is asked. */
  readonly next: boolean
}

const INVALID = { code: 'INVALID_ARGUMENT', next: false }
const PRECONDITION = { code: 'FAILED_PRECONDITION', next: true }
const UNAVAILABLE = { code: 'UNAVAILABLE', next: true }
const EXHAUSTED = { code: 'RESOURCE_EXHAUSTED', next: true }
/** For a moment: the same target is asked once more. */
const PASSING = { ...UNAVAILABLE, again: true }

/** By the name of what is tried: the vendor's kind, and what it answers. */
const ROWS: readonly (readonly [kind: string, answer: string, row: Row])[] = [
  ['openai', '400', { reply: failure(400), ...INVALID, reason: 'UPSTREAM_INVALID_REQUEST' }],
  [
    'openai',
    '400 context_length_exceeded',
    { reply: failure(400, { code: 'context_length_exceeded' }), ...INVALID, reason: 'CONTEXT_LENGTH_EXCEEDED' },
  ],
  [
    'openai',
    '400 content_policy_violation',
    { reply: failure(400, { code: 'content_policy_violation' }), ...INVALID, reason: 'CONTENT_FILTERED' },
  ],
  [
    'openai',
    '401 invalid_api_key',
    { reply: failure(401, { code: 'invalid_api_key' }), ...PRECONDITION, reason: 'UPSTREAM_CREDENTIALS' },
  ],
  ['openai', '402', { reply: failure(402), ...PRECONDITION, reason: 'UPSTREAM_BILLING' }],
  [
    'openai',
    '403 unsupported_country_region_territory',
    {
      reply: failure(403, { code: 'unsupported_country_region_territory' }),
      ...PRECONDITION,
      reason: 'UPSTREAM_FORBIDDEN',
    },
  ],
  [
    'openai',
    '404 model_not_found',
    { reply: failure(404, { code: 'model_not_found' }), ...PRECONDITION, reason: 'UPSTREAM_MODEL_MISSING' },
  ],
  ['openai', '405', { reply: failure(405), code: 'INTERNAL', next: true, reason: 'UPSTREAM_PROTOCOL' }],
  ['openai', '408', { reply: failure(408), ...PASSING, reason: 'UPSTREAM_TRANSIENT' }],
  ['openai', '409', { reply: failure(409), ...PASSING, reason: 'UPSTREAM_TRANSIENT' }],
  ['openai', '413 as HTML', { reply: json('<html>413</html>', 413), ...INVALID, reason: 'REQUEST_TOO_LARGE' }],
  ['openai', '415', { reply: failure(415), code: 'INTERNAL', next: true, reason: 'UPSTREAM_PROTOCOL' }],
  ['openai', '422', { reply: failure(422), ...INVALID, reason: 'UPSTREAM_INVALID_REQUEST' }],
  ['openai', '424', { reply: failure(424), code: 'FAILED_PRECONDITION', next: false, reason: 'UPSTREAM_DEPENDENCY' }],
  ['openai', '429', { reply: failure(429), ...EXHAUSTED, again: true, reason: 'UPSTREAM_RATE_LIMITED' }],
  [
    'openai',
    '429 insufficient_quota',
    {
      reply: failure(429, { code: 'insufficient_quota' }, { 'retry-after': '1' }),
      ...EXHAUSTED,
      reason: 'UPSTREAM_QUOTA_EXHAUSTED',
    },
  ],
  [
    'openai',
    '429 credit_balance_exhausted',
    { reply: failure(429, { code: 'credit_balance_exhausted' }), ...EXHAUSTED, reason: 'UPSTREAM_QUOTA_EXHAUSTED' },
  ],
  [
    'openai',
    '429 slow_down',
    { reply: failure(429, { code: 'slow_down' }), ...PASSING, reason: 'UPSTREAM_OVERLOADED', wait: 1000 },
  ],
  ['openai', '500', { reply: failure(500), ...PASSING, reason: 'UPSTREAM_ERROR' }],
  ['openai', '500 without a body', { reply: json('', 500), ...PASSING, reason: 'UPSTREAM_ERROR' }],
  ['openai', '501', { reply: failure(501), code: 'INTERNAL', next: true, reason: 'UPSTREAM_PROTOCOL' }],
  ...[502, 504, 520, 521, 522, 523, 524].map(
    (status) =>
      [
        'openai',
        `${status}`,
        { reply: json('<html></html>', status), ...UNAVAILABLE, reason: 'UPSTREAM_GATEWAY' },
      ] as const,
  ),
  ['openai', '503', { reply: failure(503), ...PASSING, reason: 'UPSTREAM_OVERLOADED', wait: 1000 }],
  ['openai', '529', { reply: failure(529), ...PASSING, reason: 'UPSTREAM_OVERLOADED', wait: 1000 }],
  [
    'azure',
    '400 content_filter',
    { reply: failure(400, { code: 'content_filter' }), ...INVALID, reason: 'CONTENT_FILTERED' },
  ],
  [
    'azure',
    '404 DeploymentNotFound',
    { reply: failure(404, { code: 'DeploymentNotFound' }), ...PRECONDITION, reason: 'UPSTREAM_MODEL_MISSING' },
  ],
  [
    'azure',
    '429 with retry-after-ms',
    {
      reply: failure(429, {}, { 'retry-after-ms': '1500', 'retry-after': '2' }),
      ...EXHAUSTED,
      again: true,
      reason: 'UPSTREAM_RATE_LIMITED',
      wait: 1500,
    },
  ],
  [
    'groq',
    '422',
    { reply: failure(422), code: 'INVALID_ARGUMENT', again: true, next: true, reason: 'UPSTREAM_INVALID_REQUEST' },
  ],
  [
    'groq',
    '498 capacity_exceeded',
    { reply: failure(498, { code: 'capacity_exceeded' }), ...PASSING, reason: 'UPSTREAM_OVERLOADED', wait: 1000 },
  ],
  ['groq', '499', { reply: failure(499), ...UNAVAILABLE, reason: 'UPSTREAM_ERROR' }],
  [
    'xai',
    '400 for a wrong key',
    {
      reply: json({ code: 'Client specified an invalid argument', error: 'Incorrect API key provided: ab***cd.' }, 400),
      ...PRECONDITION,
      reason: 'UPSTREAM_CREDENTIALS',
    },
  ],
  [
    'xai',
    '400 for a wrong argument',
    {
      reply: json({ code: 'Client specified an invalid argument', error: 'temperature is too high' }, 400),
      ...INVALID,
      reason: 'UPSTREAM_INVALID_REQUEST',
    },
  ],
  ['local', '404', { reply: failure(404), ...PRECONDITION, reason: 'LOCAL_MODEL_MISSING' }],
  ['local', '429', { reply: failure(429), ...PASSING, reason: 'UPSTREAM_OVERLOADED', wait: 1000 }],
  ['local', '503', { reply: failure(503), ...PASSING, reason: 'UPSTREAM_OVERLOADED', wait: 1000 }],
  ['local', '500', { reply: failure(500), ...PASSING, reason: 'UPSTREAM_ERROR' }],
]

/** Asks to be called again at once, so that the test need not wait. */
function hurried(reply: Reply): Reply {
  return (exchange) => {
    exchange.response.setHeader('retry-after-ms', '0')
    reply(exchange)
  }
}

test.each(ROWS.map((row, index) => [...row, `row-${index}`] as const))(
  '%s answers %s',
  async (_, answer, row, name) => {
    const { reply, code, reason, wait, again = false, next } = row
    const isHurried = again && wait === undefined
    vendor.answer(isHurried ? hurried(reply) : reply)
    const status = Number(answer.slice(0, 3))
    const asked = vendor.hits.length

    const { error } = await chat(client, { model: `${name}/m` })
    expect(error).toMatchObject({ code, reason, domain: 'llmgateway.v1' })
    expect(error?.metadata).toMatchObject({ provider: name, target: `${name}/m`, upstream_status: `${status}` })
    const attempt = { provider: name, status, outcome: AttemptOutcome.FAILED, reason }
    expect(error?.detail?.attempts).toMatchObject(again ? [attempt, attempt] : [attempt])
    expect(error?.retryAfter).toBe(isHurried ? 0 : wait)
    const isFinal = reason === 'UPSTREAM_QUOTA_EXHAUSTED' || isOutcomeUnknown(reason)
    expect(error?.pushback).toBe(isFinal ? '-1' : error?.retryAfter?.toString())
    expect(vendor.hits.length).toBe(asked + (again ? 2 : 1))

    vendor.answer(hurried(reply))
    const before = other.hits.length
    const { text, error: streamError } = await streamChat(client, { model: `${name}-streamed-or-other` })
    expect(other.hits.length - before).toBe(next ? 1 : 0)
    expect(text).toBe(next ? 'other' : '')
    expect(streamError?.reason).toBe(next ? undefined : reason)
  },
)

const HOUR = 3_600_000

const LIMITS: readonly (readonly [
  header: string,
  headers: Readonly<Record<string, string>>,
  wait: number | undefined,
])[] = [
  ['retry-after: 1', { 'retry-after': '1' }, 1000],
  ['retry-after: 0', { 'retry-after': '0' }, 0],
  ['retry-after: 3600', { 'retry-after': '3600' }, HOUR],
  ['retry-after: 99999', { 'retry-after': '99999' }, HOUR],
  ['retry-after: abc', { 'retry-after': 'abc' }, undefined],
  ['retry-after: -5', { 'retry-after': '-5' }, undefined],
  ['retry-after: NaN', { 'retry-after': 'NaN' }, undefined],
  ['retry-after: 1e99', { 'retry-after': '1e99' }, undefined],
  ['a date of last year', { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' }, undefined],
  ['a date in ten years', { 'retry-after': 'Wed, 21 Oct 2037 07:28:00 GMT' }, HOUR],
  [
    'x-ratelimit-reset-requests',
    { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '1m30s' },
    90_000,
  ],
  ['a reset of a limit that is not reached', { 'x-ratelimit-reset-requests': '1m30s' }, undefined],
]

test.each(LIMITS.map((limit, index) => [...limit, `limit-${index}`] as const))(
  'a rate limit with %s asks to wait as long as that means',
  async (_, headers, wait, name) => {
    vendor.answer(failure(429, {}, headers))
    const { error } = await chat(client, { model: `${name}/m` })
    expect(error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'UPSTREAM_RATE_LIMITED' })
    expect(error?.retryAfter).toBe(wait)
  },
)

describe('a redirect', () => {
  test('is not followed: its goal is not asked, and learns no key', async () => {
    const goal = await startUpstream(answers('elsewhere'))
    vendor.answer(json('', 307, { location: `${goal.url}/v1/chat/completions` }))
    const { error } = await chat(client, { model: 'openai/m' })
    expect(error).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'UPSTREAM_REDIRECT' })
    expect(goal.hits).toEqual([])
    await goal.close()
  })

  test('lets the next target answer', async () => {
    vendor.answer(json('', 301, { location: 'https://elsewhere.example/' }))
    const { value } = await chat(client, { model: 'openai-or-other' })
    expect(value?.route).toMatchObject({
      provider: 'other',
      attempts: [{ reason: 'UPSTREAM_REDIRECT', status: 301 }, {}],
    })
  })
})

test('the field that a vendor complains of is named', async () => {
  vendor.answer(failure(400, { param: 'messages[0].content' }))
  const { error } = await chat(client, { model: 'openai/m' })
  expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['messages[0].content'] })
})

test("a vendor's code and its id of the request are told", async () => {
  vendor.answer(failure(503, { code: 'server_is_overloaded' }, { 'x-request-id': 'req_42' }))
  const { error } = await chat(client, { model: 'openai/m' })
  expect(error?.metadata).toMatchObject({ upstream_code: 'server_is_overloaded', upstream_request_id: 'req_42' })
})

test('an answer that the filter cut is an answer', async () => {
  const body = { choices: [{ message: { content: 'I c' }, finish_reason: 'content_filter' }] }
  vendor.answer(json(body))
  const { value } = await chat(client, { model: 'azure-or-other' })
  expect(value).toMatchObject({ finishReason: 4, rawFinishReason: 'content_filter', message: { content: 'I c' } })
})

test('the keys of a provider take turns, and the route tells which one was used, not what it is', async () => {
  vendor.answer(answers('ok'))
  const before = vendor.hits.length
  const used = [await chat(client, { model: 'groq/m' }), await chat(client, { model: 'groq/m' })]
  const sent = vendor.hits.slice(before).map(({ headers }) => headers.authorization)
  expect(sent.sort()).toEqual(['Bearer a-key', 'Bearer another-key'])
  const [first, second] = used.map(({ value }) => value?.route?.keyId)
  expect(first).toMatch(/^[0-9a-f]{8}$/)
  expect(second).toMatch(/^[0-9a-f]{8}$/)
  expect(first).not.toBe(second)
})
