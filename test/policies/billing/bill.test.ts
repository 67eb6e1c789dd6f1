import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { createCall } from '../../../src/domain/calls/facts.ts'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import { costOf, type ModelPrice } from '../../../src/domain/money.ts'
import type { Charge, Ledger } from '../../../src/domain/ports/money/ledger.ts'
import type { Ask, Provider } from '../../../src/domain/ports/provider.ts'
import { EventStream } from '../../../src/domain/streams/event-stream.ts'
import { finishEvent, startEvent, textEvent } from '../../../src/domain/streams/events.ts'
import {
  type ChatEvent,
  type ChatRequest,
  ChatRequestSchema,
  FinishReason,
  Role,
  type Usage,
  UsageSchema,
  UsageState,
} from '../../../src/domain/types.ts'
import { MemoryCache } from '../../../src/stores/cache/memory-cache.ts'
import { FakeClock, settle } from '../../support/fake-clock.ts'
import { createTestGateway, testContext } from '../../support/test-gateway.ts'

/** A nano-dollar for each input token, ten for each output token. */
const price: ModelPrice = {
  bill: ({ input = 0, output = 0 }: Usage) => ({ input, output: 10 * output }),
  list: { input: 0.001, output: 0.01 },
}

/** Answers an attempt; the stream is pushed to by the test. */
type Answer = (ask: Ask<ChatRequest>, stream: EventStream<ChatEvent>) => void

const usage = (input: number, output: number) => create(UsageSchema, { input, output, total: input + output })

/** Answers with these tokens, as a vendor that reports them. */
const answering =
  (input: number, output: number): Answer =>
  ({ attempt, context }, stream) => {
    attempt.sent = true
    stream.push(startEvent('id', undefined))
    stream.push(textEvent('hello'))
    attempt.usage = usage(input, output)
    context.record.succeed(attempt)
    const bill = price.bill(attempt.usage)
    stream.push(
      finishEvent({
        finishReason: FinishReason.STOP,
        rawFinishReason: 'stop',
        usage: attempt.usage,
        cost: bill && costOf(bill, false),
        route: context.record.route(attempt, '', ''),
      }),
    )
    stream.end()
  }

const failing =
  (error: GatewayError, sent = true): Answer =>
  ({ attempt }) => {
    attempt.sent = sent
    throw error
  }

/** Sends text, reports its usage so far and stays open. */
const speaking =
  (text: string, sofar?: Usage): Answer =>
  ({ attempt }, stream) => {
    attempt.sent = true
    attempt.committed = true
    if (sofar) attempt.usage = sofar
    stream.push(startEvent('id', undefined))
    stream.push(textEvent(text))
  }

interface World {
  /** One for each attempt, in order. */
  readonly answers: Answer[]
  readonly cached?: boolean
  readonly onCancel?: 'runs_on'
  readonly begin?: Ledger['begin']
}

function world({ answers, cached = false, onCancel, begin }: World) {
  const clock = new FakeClock()
  const charges: Charge[] = []
  const begun: Charge['outcome'][] = []
  const ledger: Ledger = {
    begin: begin ?? ((charge) => void begun.push(charge.outcome)),
    settle: (charge) => void charges.push(charge),
    finish: (charge) => expect(charges, 'a charge that was settled').toContain(charge),
  }
  const streams: EventStream<ChatEvent>[] = []
  const provider = (name: string) =>
    ({
      name,
      ...(onCancel && { onCancel }),
      catalogue: () => [],
      describe: () => ({ price }),
      async chat(ask: Ask<ChatRequest>) {
        const stream = new EventStream<ChatEvent>(ask.context.cancellation, { pause() {}, resume() {}, cancel() {} })
        streams.push(stream)
        answers.shift()?.(ask, stream)
        return stream
      },
    }) as unknown as Provider // The pipeline asks a provider for nothing else.
  const rules = { enabled: true, ttl: 60_000, fallbackTtl: 60_000, maxTemperature: undefined }
  const gateway = createTestGateway(clock, [provider('one'), provider('two')], {
    billing: { ledger, priceVersion: () => 'v1' },
    cache: cached
      ? {
          store: new MemoryCache({ clock, maxEntries: 10, maxBytes: 1 << 20 }),
          observer: { hit() {}, miss() {}, shared() {} },
          clock,
          rules: () => rules,
        }
      : undefined,
  })
  const request = create(ChatRequestSchema, {
    model: 'one/m',
    fallbackModels: ['two/m'],
    userId: 'u',
    messages: [{ role: Role.USER, content: 'x'.repeat(40) }],
  })
  const call = (
    operation: 'chat' | 'stream_chat' = 'stream_chat',
    requestId = 'id',
    /** Called with what cancels the call before its response is read. */
    beforeReading = (_leave: () => void) => {},
  ) => {
    const context = testContext(clock, { requestId })
    const leave = () => context.cancellation.cancel(new GatewayError('CANCELLED', 'gone'))
    const ended = gateway.chat(createCall(operation, request, context)).then(
      (events) => {
        beforeReading(leave)
        return new Promise<string>((resolve) =>
          events.read({ event: () => true, end: (e) => resolve(e?.reason ?? 'OK') }),
        )
      },
      (error: GatewayError) => error.reason,
    )
    return { context, ended, leave }
  }
  return { clock, charges, begun, streams, call }
}

/** What a test compares of a charge. */
function summary({ facts, outcome, ending }: Charge) {
  const { state, tokens, cost } = outcome
  return {
    attempt: facts.attempt,
    target: `${facts.provider}/${facts.model}`,
    state: UsageState[state],
    input: tokens.input,
    output: tokens.output,
    nano: cost && cost.input + cost.output,
    reason: ending?.reason ?? outcome.reason,
    final: ending !== undefined,
  }
}

describe('the bill of a call', () => {
  test('is what the vendor reports, at the price of the model', async () => {
    const { call, charges, begun } = world({ answers: [answering(10, 5)] })
    expect(await call().ended).toBe('OK')
    expect(charges.map(summary)).toEqual([
      { attempt: 1, target: 'one/m', state: 'SETTLED', input: 10, output: 5, nano: 60, reason: '', final: true },
    ])
    expect(charges[0]?.facts).toMatchObject({
      caller: 'someone',
      userId: 'u',
      operation: 'StreamChat',
      priceVersion: 'v1',
    })
    expect(begun).toMatchObject([{ state: UsageState.UNKNOWN, tokens: { input: 10, output: 1_000 } }])
  })

  test('has a record for each attempt; only the last one is final', async () => {
    const down = new GatewayError('UPSTREAM_UNREACHABLE', 'down')
    const { call, charges } = world({ answers: [failing(down, false), answering(10, 5)] })
    expect(await call().ended).toBe('OK')
    expect(charges.map(summary)).toEqual([
      {
        attempt: 1,
        target: 'one/m',
        state: 'NO_CHARGE',
        input: undefined,
        output: undefined,
        nano: 0,
        reason: 'UPSTREAM_UNREACHABLE',
        final: false,
      },
      { attempt: 2, target: 'two/m', state: 'SETTLED', input: 10, output: 5, nano: 60, reason: '', final: true },
    ])
  })

  test('estimates an attempt that the vendor may have processed', async () => {
    const lost = new GatewayError('UPSTREAM_TIMEOUT', 'late', { fallback: false })
    const { call, charges } = world({ answers: [failing(lost)] })
    expect(await call().ended).toBe('UPSTREAM_TIMEOUT')
    expect(charges.map(summary)).toMatchObject([{ state: 'ESTIMATED', input: 10, output: 0, nano: 10, final: true }])
  })

  test('estimates the whole response of a unary call that was lost: the vendor completes it', async () => {
    const lost = new GatewayError('UPSTREAM_TIMEOUT', 'late', { fallback: false })
    const { call, charges } = world({ answers: [failing(lost)] })
    expect(await call('chat').ended).toBe('UPSTREAM_TIMEOUT')
    expect(charges.map(summary)).toMatchObject([{ state: 'ESTIMATED', input: 10, output: 1_000, nano: 10_010 }])
  })

  test('counts what a cancelled stream has used', async () => {
    const { call, charges } = world({ answers: [speaking('12345678', usage(11, 2))] })
    const { ended, leave } = call()
    await settle()
    leave()
    expect(await ended).toBe('CANCELLED')
    expect(charges.map(summary)).toEqual([
      {
        attempt: 1,
        target: 'one/m',
        state: 'ESTIMATED',
        input: 11,
        output: 2,
        nano: 31,
        reason: 'CANCELLED',
        final: true,
      },
    ])
  })

  test('counts a cancelled stream in full where the vendor runs on', async () => {
    const { call, charges } = world({ answers: [speaking('12345678', usage(11, 2))], onCancel: 'runs_on' })
    const { ended, leave } = call()
    await settle()
    leave()
    await ended
    expect(charges.map(summary)).toMatchObject([{ state: 'ESTIMATED', input: 11, output: 1_000, nano: 10_011 }])
  })

  test('is what the vendor reports when the response was complete before its client left', async () => {
    const { call, charges } = world({ answers: [answering(10, 5)], onCancel: 'runs_on' })
    const { context, leave } = call('stream_chat', 'id', (left) => left())
    await settle()
    leave()
    await settle()
    expect(context.cancellation.reason).toBeDefined()
    expect(charges.map(summary)).toMatchObject([{ state: 'SETTLED', input: 10, output: 5, nano: 60, final: true }])
  })

  test('costs nothing when the call was cancelled before its attempt was sent', async () => {
    const { call, charges, streams } = world({ answers: [answering(10, 5)] })
    const { ended, leave } = call()
    leave()
    expect(await ended).toBe('CANCELLED')
    expect(charges.map(summary)).toMatchObject([{ attempt: 1, state: 'NO_CHARGE', nano: 0, final: true }])
    expect(streams).toHaveLength(0)
  })

  test('refuses an attempt that cannot be recorded, before it is sent', async () => {
    const full = new GatewayError('LEDGER_UNAVAILABLE', 'disk full')
    const { call, charges, streams } = world({ answers: [answering(10, 5)], begin: () => Promise.reject(full) })
    expect(await call().ended).toBe('LEDGER_UNAVAILABLE')
    expect(charges.map(summary)).toMatchObject([{ attempt: 1, state: 'NO_CHARGE', nano: 0, final: true }])
    expect(streams).toHaveLength(0)
  })
})

describe('with a cache', () => {
  test('a hit costs nothing and says what it saved', async () => {
    const { call, charges } = world({ answers: [answering(10, 5)], cached: true })
    await call().ended
    await call().ended
    expect(charges.map(summary)).toMatchObject([
      { attempt: 1, state: 'SETTLED', nano: 60, final: true },
      { attempt: 0, target: 'one/m', state: 'CACHED', nano: 0, final: true },
    ])
    expect(charges[1]?.outcome.saved).toBe(60)
  })

  test('equal calls at the same time cost the first one, even after it has left', async () => {
    const answers: Answer[] = [(ask, stream) => void setImmediate(() => answering(10, 5)(ask, stream))]
    const { call, charges } = world({ answers, cached: true })
    const [first, second] = [call('stream_chat', 'first'), call('stream_chat', 'second')]
    await Promise.resolve()
    first.leave()
    expect(await second.ended).toBe('OK')
    const byCall = charges.map((charge) => [charge.facts.callId, summary(charge)])
    expect(byCall).toMatchObject([
      ['first', { attempt: 1, state: 'SETTLED', nano: 60, reason: 'CANCELLED', final: true }],
      ['second', { attempt: 0, state: 'CACHED', nano: 0, final: true }],
    ])
  })
})
