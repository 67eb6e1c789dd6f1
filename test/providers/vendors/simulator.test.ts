import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import type { CallContext } from '../../../src/domain/calls/call.ts'
import { CallRecord } from '../../../src/domain/calls/call-record.ts'
import { Cancellation } from '../../../src/domain/cancellation.ts'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import type { Ask, Provider } from '../../../src/domain/ports/provider.ts'
import { foldChat, foldEmbed } from '../../../src/domain/streams/fold.ts'
import { ChatRequestSchema, EmbedRequestSchema, FinishReason, Role } from '../../../src/domain/types.ts'
import { KnownModels } from '../../../src/providers/known-models.ts'
import { PriceTable } from '../../../src/providers/prices/price-table.ts'
import type { PriceSettings } from '../../../src/providers/prices/settings.ts'
import { simulator } from '../../../src/providers/vendors/simulator/kind.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { plainSettings } from '../../support/plain-wire.ts'

function setUp(options: Record<string, unknown> = {}, overrides: PriceSettings['overrides'] = {}) {
  const clock = new FakeClock()
  const settings = { ...plainSettings('sim'), kind: simulator, keys: [], defaultModel: undefined, options }
  const models = new KnownModels(settings, new PriceTable({ clock, settings: { overrides } }))
  const provider = simulator.create?.(settings, clock, models)
  if (!provider) throw new Error('the simulator makes its provider')
  return { clock, provider }
}

function context(clock: FakeClock): CallContext {
  const record = new CallRecord(clock)
  const cancellation = new Cancellation()
  const deadline = Number.POSITIVE_INFINITY
  return {
    requestId: 'id',
    credential: undefined,
    deadline,
    cancellation,
    peer: '',
    record,
    requestBytes: new Uint8Array(),
    header: () => undefined,
  }
}

function ask<R>(clock: FakeClock, model: string, request: R, firstEventBy = Number.POSITIVE_INFINITY) {
  const call = context(clock)
  const attempt = call.record.begin('sim', model)
  return {
    request,
    model,
    defaults: {},
    context: call,
    streamed: true,
    strict: false,
    firstEventBy,
    attempt,
    traceparent: undefined,
  }
}

const hello = { messages: [{ role: Role.USER, content: 'hello big world' }] }

function chat(
  provider: Provider,
  clock: FakeClock,
  model: string,
  init: MessageInitShape<typeof ChatRequestSchema> = hello,
) {
  return provider.chat(ask(clock, model, create(ChatRequestSchema, init)))
}

test('echo says the last words of the user again, the same every time', async () => {
  const { clock, provider } = setUp()
  const answers = [
    await foldChat(await chat(provider, clock, 'echo')),
    await foldChat(await chat(provider, clock, 'echo')),
  ]
  expect(answers[0]?.message?.content).toBe('hello big world')
  expect(answers[0]).toMatchObject({
    finishReason: FinishReason.STOP,
    usage: { input: 4, output: 3 },
    cost: { usd: 0 },
  })
  expect(answers[1]?.message).toEqual(answers[0]?.message)
})

test('it costs what is configured, and else nothing', async () => {
  const price = { input: 1_000, output: 2_000, contextWindow: 50 }
  const { clock, provider } = setUp({}, { 'sim/echo': price, 'sim/embed': price })
  const answer = await foldChat(await chat(provider, clock, 'echo'))
  expect(answer.cost).toMatchObject({ usd: (4 * 1_000 + 3 * 2_000) / 1e6, estimated: false })
  expect(provider.describe('echo')).toMatchObject({
    price: { list: { input: 1_000, output: 2_000 } },
    contextWindow: 50,
  })
  expect(provider.describe('tool')).toMatchObject({ price: { list: { input: 0, output: 0 } } })
})

test('it says no more words than max_tokens', async () => {
  const { clock, provider } = setUp()
  const short = await foldChat(await chat(provider, clock, 'echo', { ...hello, maxTokens: 2 }))
  expect(short).toMatchObject({
    message: { content: 'hello big ' },
    finishReason: FinishReason.LENGTH,
    usage: { output: 2 },
  })
  const whole = await foldChat(await chat(provider, clock, 'echo', { ...hello, maxTokens: 3 }))
  expect(whole).toMatchObject({ message: { content: 'hello big world' }, finishReason: FinishReason.STOP })
})

test('tool calls the first tool with arguments that fit its schema, and then says its result', async () => {
  const { clock, provider } = setUp()
  const parameters = JSON.stringify({
    type: 'object',
    properties: { city: { type: 'string' }, days: { type: 'integer' }, unit: { enum: ['C', 'F'] } },
  })
  const asked = { ...hello, tools: [{ name: 'weather', parameters }, { name: 'other' }] }
  const { message, finishReason } = await foldChat(await chat(provider, clock, 'tool', asked))
  expect(finishReason).toBe(FinishReason.TOOL_CALLS)
  expect(message?.toolCalls).toMatchObject([
    { id: 'call_0', name: 'weather', arguments: '{"city":"text","days":1,"unit":"C"}' },
  ])
  const result = { role: Role.TOOL, toolCallId: 'call_0', content: 'sunny' }
  const turns = { ...asked, messages: [...hello.messages, { role: Role.ASSISTANT }, result] }
  expect((await foldChat(await chat(provider, clock, 'tool', turns))).message?.content).toBe('sunny')
})

test('a tool model without a tool cannot serve', async () => {
  const { clock, provider } = setUp()
  await expect(chat(provider, clock, 'tool')).rejects.toMatchObject({ reason: 'UNSUPPORTED', fallback: true })
})

test.each([
  ['error-429', 'UPSTREAM_RATE_LIMITED', true],
  ['error-503', 'UPSTREAM_OVERLOADED', true],
  ['error-401', 'UPSTREAM_CREDENTIALS', true],
  ['error-400', 'UPSTREAM_INVALID_REQUEST', false],
  ['nonsense', 'UPSTREAM_MODEL_MISSING', true],
])('%s fails as %s', async (model, reason, fallback) => {
  const { clock, provider } = setUp()
  await expect(chat(provider, clock, model)).rejects.toMatchObject({ reason, fallback })
})

test('cut breaks off in the midst of its answer', async () => {
  const { clock, provider } = setUp()
  const said: string[] = []
  const ending = await new Promise<GatewayError | undefined>((resolve) => {
    void chat(provider, clock, 'cut').then((events) =>
      events.read({
        event: ({ event }) => event.case !== 'text' || said.push(event.value.text) > 0,
        end: resolve,
      }),
    )
  })
  expect(said.join('')).toBe('hello big ')
  expect(ending?.reason).toBe('UPSTREAM_STREAM_TRUNCATED')
})

test('time passes before the first event and between events, as configured or as the call says', async () => {
  const { clock, provider } = setUp({ first_token_ms: 100, pace_ms: 10 })
  const said: [number, string][] = []
  const start = clock.now()
  const providerOptions = { sim: { pace_ms: 20 } }
  void chat(provider, clock, 'echo', { ...hello, providerOptions }).then((events) =>
    events.read({
      event: ({ event }) => event.case !== 'text' || said.push([clock.now() - start, event.value.text]) > 0,
      end: () => {},
    }),
  )
  await clock.advance(1_000)
  expect(said).toEqual([
    [100, 'hello '],
    [120, 'big '],
    [140, 'world'],
  ])
  expect(clock.waiting).toBe(0)
})

test('a slow answer that is not awaited, or not in time, leaves nothing behind', async () => {
  const { clock, provider } = setUp()
  const request = create(ChatRequestSchema, hello)
  const left = ask(clock, 'slow', request)
  const late: Ask<typeof request> = ask(clock, 'slow', request, clock.now() + 50)
  const endings = Promise.allSettled([provider.chat(left), provider.chat(late)])
  await clock.advance(10)
  left.context.cancellation.cancel(new GatewayError('CANCELLED', 'The client disconnected.'))
  await clock.advance(100)
  expect((await endings).map((ending) => ending.status === 'rejected' && ending.reason.reason)).toEqual([
    'CANCELLED',
    'UPSTREAM_TIMEOUT',
  ])
  expect(clock.waiting).toBe(0)
  expect(late.context.cancellation.size).toBe(0)
})

test('embed gives vectors of length 1 that belong to their texts', async () => {
  const { clock, provider } = setUp()
  const embed = async (...inputs: string[]) => {
    const request = create(EmbedRequestSchema, { inputs, dimensions: 8 })
    return (await foldEmbed(await provider.embed(ask(clock, 'embed', request)))).embeddings
  }
  const [a, b, again] = await embed('a', 'b', 'a')
  expect(a?.values).toEqual(again?.values)
  expect(a?.values).not.toEqual(b?.values)
  expect(Math.hypot(...(a?.values ?? []))).toBeCloseTo(1)
  expect((await embed('b'))[0]?.values).toEqual(b?.values)
})

test('vectors that would fill the memory are refused', async () => {
  const { clock, provider } = setUp()
  const request = create(EmbedRequestSchema, { inputs: ['a'], dimensions: 2 ** 32 - 1 })
  await expect(provider.embed(ask(clock, 'embed', request))).rejects.toMatchObject({ reason: 'UNSUPPORTED' })
})

test('options that cannot be are refused by their path', async () => {
  const { clock, provider } = setUp()
  const providerOptions = { simulator: { pace_ms: -1 } }
  await expect(chat(provider, clock, 'echo', { ...hello, providerOptions })).rejects.toMatchObject({
    reason: 'INVALID_REQUEST',
    message: expect.stringContaining('provider_options.sim.pace_ms'),
  })
})

test('a conversation that is longer than its window is refused', async () => {
  const { clock, provider } = setUp({ context_window: 4 })
  expect(provider.describe('echo').contextWindow).toBe(4)
  expect((await foldChat(await chat(provider, clock, 'echo'))).message?.content).toBe('hello big world')
  const longer = { messages: [{ role: Role.USER, content: 'hello bigger world' }] }
  await expect(chat(provider, clock, 'echo', longer)).rejects.toMatchObject({ reason: 'CONTEXT_LENGTH_EXCEEDED' })
})
