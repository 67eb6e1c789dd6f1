import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import type { Call, Caller } from '../../../src/domain/calls/call.ts'
import type { AttemptRecord } from '../../../src/domain/calls/call-record.ts'
import { type Authenticated, createCall, type Planned } from '../../../src/domain/calls/facts.ts'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import type { Quota, RateLimits } from '../../../src/domain/limits/limits.ts'
import type { Limiter, Reservation } from '../../../src/domain/ports/limiter.ts'
import type { Provider } from '../../../src/domain/ports/provider.ts'
import { EventStream } from '../../../src/domain/streams/event-stream.ts'
import { finishEvent, textEvent } from '../../../src/domain/streams/events.ts'
import {
  AttemptOutcome,
  type ChatEvent,
  type ChatRequest,
  ChatRequestSchema,
  FinishReason,
  type Route,
  type Usage,
} from '../../../src/domain/types.ts'
import { type CallLimits, limit } from '../../../src/policies/limits/limit.ts'
import { RequestContext } from '../../../src/server/context.ts'
import { MemoryLimiter } from '../../../src/stores/limits/memory-limiter.ts'
import { callerNamed } from '../../support/caller.ts'
import { FakeClock } from '../../support/fake-clock.ts'

const { FAILED } = AttemptOutcome
const limits: RateLimits = { tokens: 1_000, window: 60_000 }
const usage = (facts: Partial<Usage>): Usage => ({ $typeName: 'llmgateway.v1.Usage', estimated: false, ...facts })

type LimitedCall = Call<ChatRequest> & Authenticated & Planned

interface World {
  readonly caller?: Partial<Caller>
  readonly request?: MessageInitShape<typeof ChatRequestSchema>
  readonly peer?: string
  readonly callLimits?: CallLimits
  readonly limiter?: Limiter
  /** Of the model, in tokens. */
  readonly contextWindow?: number
}

/** One call through the policy, with a hand on what comes after it. */
function world({
  caller,
  request = { maxTokens: 100 },
  peer = '10.0.0.1:99',
  callLimits,
  limiter: given,
  contextWindow,
}: World = {}) {
  const clock = new FakeClock()
  const settled: (number | undefined)[] = []
  const asked: { quotas: readonly Quota[]; tokens: number }[] = []
  const memory = given ?? new MemoryLimiter({ clock })
  const limiter: Limiter = {
    async reserve(id, quotas, tokens, enforced) {
      asked.push({ quotas, tokens })
      const reservation = await memory.reserve(id, quotas, tokens, enforced)
      return { ...reservation, ...spied(reservation, settled) }
    },
  }
  const context = new RequestContext(
    clock,
    {
      requestId: 'id',
      credential: '',
      peer,
      timeout: undefined,
      maxDuration: 600_000,
      requestBytes: () => new Uint8Array(),
      header: () => undefined,
    },
    () => {},
  )
  const provider = { name: 'house', describe: () => ({ contextWindow }) } as unknown as Provider // nothing else of it is read
  const call: LimitedCall = {
    ...createCall('stream_chat', create(ChatRequestSchema, request), context),
    caller: callerNamed('web', { limits, ...caller }),
    targets: [{ provider, model: 'm', defaults: {}, alias: 'named' }],
  }
  const source = { pause() {}, resume() {}, cancel() {} }
  const stream = new EventStream<ChatEvent>(context.cancellation, source)
  const parts = { limiter, events: { limitReached() {} }, shadow: false }
  const run = (next: () => Promise<EventStream<ChatEvent>> = async () => stream) =>
    limit(parts, callLimits ?? { aliases: new Map() })<LimitedCall, ChatEvent>(next)(call)
  return { run, stream, settled, asked, context }
}

function spied(reservation: Reservation, settled: (number | undefined)[]): Reservation {
  return {
    refusal: reservation.refusal,
    limitStatus: reservation.limitStatus,
    settle(tokens) {
      settled.push(tokens)
      reservation.settle(tokens)
    },
  }
}

const finish = (reported?: Usage, route?: Route) =>
  finishEvent({ finishReason: FinishReason.STOP, rawFinishReason: '', usage: reported, route })
const kept = { cached: true } as unknown as Route // nothing else of it is read

test.each<[string, ReturnType<typeof finish>, number | undefined]>([
  ['what the vendor reports', finish(usage({ input: 3, output: 4, total: 9 })), 9],
  ['the sum of what it reports', finish(usage({ input: 3, output: 4 })), 7],
  ['what is reserved, where it reports nothing', finish(), undefined],
  ['nothing, where the answer was kept', finish(usage({ total: 9 }), kept), 0],
])('a call that ends well uses %s', async (_, event, used) => {
  const { run, stream, settled } = world()
  const events = await run()
  stream.push(event)
  expect(settled).toEqual([])
  stream.end()
  events.read({ event: () => true, end() {} })
  expect(settled).toEqual([used])
})

test.each<[string, boolean, Usage | undefined, number | undefined]>([
  ['before its answer: nothing', false, undefined, 0],
  ['before its answer, with a usage: that', false, usage({ input: 5 }), 5],
  ['in its answer: what is reserved', true, undefined, undefined],
  ['in its answer, with a usage: that', true, usage({ total: 12 }), 12],
])('a call that breaks off uses, %s', async (_, committed, reported, used) => {
  const { run, stream, settled, context } = world()
  const events = await run()
  Object.assign(context.record.begin('p', 'm'), { committed, usage: reported })
  stream.push(textEvent('half'))
  stream.end(new GatewayError('UPSTREAM_STREAM_TRUNCATED', 'cut'))
  events.read({ event: () => true, end() {} })
  expect(settled).toEqual([used])
})

test('a call that fails gives everything back', async () => {
  const { run, settled } = world()
  const failure = new GatewayError('UPSTREAM_ERROR', 'no')
  await expect(run(() => Promise.reject(failure))).rejects.toBe(failure)
  expect(settled).toEqual([0])
})

test.each<[string, Partial<AttemptRecord>, number]>([
  ['left while its request was on the way: its prompt', { sent: true, outcome: AttemptOutcome.CANCELLED }, 25],
  ['left a shared upstream call, which goes on: its prompt', { sent: true }, 25],
  ['failed without an answer: its prompt', { sent: true, reason: 'UPSTREAM_TIMEOUT', outcome: FAILED }, 25],
  ['was refused by the vendor: nothing', { sent: true, reason: 'UPSTREAM_RATE_LIMITED', outcome: FAILED }, 0],
  ['left before its request was sent: nothing', { outcome: AttemptOutcome.CANCELLED }, 0],
])('a call uses, where it %s', async (_, attempt, used) => {
  const { run, settled, context } = world({ request: { messages: [{ content: 'x'.repeat(100) }] } })
  const next = async () => {
    Object.assign(context.record.begin('p', 'm'), attempt)
    throw new GatewayError('CANCELLED', 'left')
  }
  await expect(run(next)).rejects.toMatchObject({ reason: 'CANCELLED' })
  expect(settled).toEqual([used])
})

test('a call that joined a shared upstream call leaves the prompt to the call that began it', async () => {
  const { run, settled, context } = world({ request: { messages: [{ content: 'x'.repeat(100) }] } })
  const next = async () => {
    context.record.pays = false
    Object.assign(context.record.begin('p', 'm'), { sent: true })
    throw new GatewayError('CANCELLED', 'left')
  }
  await expect(run(next)).rejects.toMatchObject({ reason: 'CANCELLED' })
  expect(settled).toEqual([0])
})

test('a caller that leaves while the limits are asked gives everything back, and nobody else is asked', async () => {
  const { run, settled, context } = world()
  const running = run(() => Promise.reject(new Error('asked')))
  context.cancel(new GatewayError('CANCELLED', 'left'))
  await expect(running).rejects.toMatchObject({ reason: 'CANCELLED' })
  expect(settled).toEqual([0])
})

test('a refused call goes no further, and tells how long to wait', async () => {
  const { run, context } = world({ caller: { limits: { requests: 1, window: 60_000 } } })
  await run()
  await expect(run()).rejects.toMatchObject({
    reason: 'RATE_LIMITED',
    message: 'The limit of 1 requests in 60 s for the caller "web" is reached: try again in 60 s.',
    facts: { retryAfter: 60_000, quota: { subject: 'caller:web', description: '1 requests in 60 s' } },
  })
  expect(context.record.trailers).toEqual({
    'ratelimit-limit': '1',
    'ratelimit-remaining': '0',
    'ratelimit-reset': '60',
  })
})

test.each<[string, World, string[]]>([
  ['its caller', {}, ['caller:key:web']],
  [
    'an unknown caller by its address',
    { caller: { anonymous: true }, peer: '::ffff:10.0.0.7:80' },
    ['caller:10.0.0.7'],
  ],
  ['an address of IPv6', { caller: { anonymous: true }, peer: '2001:db8::1:80' }, ['caller:2001:db8:0:0::/64']],
  [
    'all that hold for it',
    { request: { userId: 'u' }, callLimits: { address: limits, user: limits, aliases: new Map([['named', limits]]) } },
    ['caller:key:web', 'address:10.0.0.1', 'user:key:web/u', 'alias:named'],
  ],
  ['no user that it does not name', { callLimits: { user: limits, aliases: new Map() } }, ['caller:key:web']],
  ['no alias that has no limits', { callLimits: { aliases: new Map([['other', limits]]) } }, ['caller:key:web']],
])('a call counts for %s', async (_, given, subjects) => {
  const { run, asked } = world(given)
  await run()
  expect(asked[0]?.quotas.map(({ scope, subject }) => `${scope}:${subject}`)).toEqual(subjects)
})

test('a call that nothing limits is not counted, and tells of no limit', async () => {
  const { run, asked, context } = world({ caller: { limits: undefined } })
  await run()
  expect([asked, context.record.trailers]).toEqual([[], undefined])
})

test('no more is reserved than the model can generate, where that is known', async () => {
  const { run, asked } = world({
    request: { messages: [{ content: 'x'.repeat(40) }], maxTokens: 2_000_000_000 },
    contextWindow: 8192,
  })
  await run()
  expect(asked[0]?.tokens).toBe(8202)
})

test.each<[string, MessageInitShape<typeof ChatRequestSchema>, number]>([
  ['text by four bytes, and the longest answer', { messages: [{ content: 'x'.repeat(41) }], maxTokens: 100 }, 111],
  ['1,000 for an answer that nobody has bounded', { messages: [{ content: 'x'.repeat(40) }] }, 1_010],
  [
    '1,000 for an image',
    { messages: [{ parts: [{ content: { case: 'image', value: { mimeType: 'image/png' } } }] }], maxTokens: 1 },
    1_001,
  ],
])('the estimate is %s', async (_, request, tokens) => {
  const { run, asked } = world({ request })
  await run()
  expect(asked[0]?.tokens).toBe(tokens)
})
