import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import type { Call } from '../../../src/domain/calls/call.ts'
import { CallRecord } from '../../../src/domain/calls/call-record.ts'
import { operations } from '../../../src/domain/calls/operations.ts'
import { Cancellation } from '../../../src/domain/cancellation.ts'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import type { ModelPrice } from '../../../src/domain/money.ts'
import { EventStream } from '../../../src/domain/streams/event-stream.ts'
import { type ChatEvent, ChatRequestSchema, FinishReason } from '../../../src/domain/types.ts'
import { ChatReply } from '../../../src/providers/http/chat-reply.ts'
import { usageFrom } from '../../../src/providers/prices/usage.ts'
import { FakeClock } from '../../support/fake-clock.ts'

const price: ModelPrice = {
  bill: ({ input = 0, output = 0 }) => ({ input: input * 1000, output: output * 2000 }),
  list: { input: 1, output: 2 },
}

/** An answer of `p/m`, and what the caller and the exchange are told. */
function setUp({ stream = true, priced = ['m'] }: { stream?: boolean; priced?: readonly string[] } = {}) {
  const log: string[] = []
  const events: ChatEvent['event'][] = []
  const clock = new FakeClock()
  const record = new CallRecord(clock)
  const attempt = record.begin('p', 'm')
  // The answer needs no more of the context.
  const context = { requestId: 'call-1', record } as unknown as Call['context']
  const answer = new ChatReply({
    ask: {
      request: create(ChatRequestSchema, { messages: [{ content: 'x'.repeat(40) }] }),
      model: 'm',
      defaults: {},
      context,
      streamed: stream,
      strict: false,
      firstEventBy: Number.POSITIVE_INFINITY,
      attempt,
      traceparent: undefined,
    },
    traits: operations.chat,
    describe: (model) => (priced.includes(model) ? { price } : {}),
    begin() {
      log.push('begun')
      const stream = new EventStream<ChatEvent>(new Cancellation(), { pause() {}, resume() {}, cancel() {} })
      stream.read({
        event: ({ event }) => events.push(event) > 0,
        end: (error) => void log.push(`ended ${error?.reason ?? 'OK'}`),
      })
      return stream
    },
    completed: () => void log.push('completed'),
    failed: (error, begun) => void log.push(`failed ${error.reason} ${begun ? 'after' : 'before'} its beginning`),
    readError: () => new GatewayError('UPSTREAM_ERROR', 'The vendor failed.'),
  })
  const finish = () => {
    const last = events.at(-1)
    if (last?.case !== 'finish') throw new Error(`the last event is ${last?.case}`)
    return last.value
  }
  return { answer, log, events, finish, record, attempt }
}

test('an answer begins with its first event that means something', () => {
  const { answer, log, events, attempt } = setUp()
  answer.identify('up-1', 'm-2026')
  answer.text('')
  answer.refusal('')
  expect(log).toEqual([])
  answer.text('hello')
  expect(log).toEqual(['begun'])
  expect(events.map((event) => event.case)).toEqual(['start', 'text'])
  expect(events[0]).toMatchObject({ value: { id: 'call-1', route: { upstreamId: 'up-1', responseModel: 'm-2026' } } })
  expect(attempt.committed).toBe(true)
})

test('an empty answer with a reason is an answer', () => {
  const { answer, log, events } = setUp()
  answer.stop(FinishReason.STOP, 'stop')
  answer.done()
  expect(events.map((event) => event.case)).toEqual(['start', 'finish'])
  expect(log).toEqual(['begun', 'completed', 'ended OK'])
})

test.each([
  ['without a reason', () => {}],
  ["with the model's own failure as its reason", (answer: ChatReply) => answer.stop(FinishReason.OTHER, 'x', true)],
  ['that stopped because of an error', (answer: ChatReply) => answer.stop(FinishReason.ERROR, 'error')],
])('an empty answer %s is malformed', (_, stop) => {
  const { answer, log } = setUp()
  answer.usage({ $typeName: 'llmgateway.v1.Usage', input: 5, output: 0, estimated: false })
  stop(answer)
  answer.done()
  expect(log).toEqual(['failed UPSTREAM_MALFORMED before its beginning'])
})

test('what comes after the end is ignored', () => {
  const { answer, log, events } = setUp()
  answer.text('a')
  answer.done()
  const [reported, sent] = [log.length, events.length]
  answer.done()
  answer.text('b')
  answer.toolCall(0, { name: 'late' })
  answer.failWith({ type: 'late' })
  answer.usage({ $typeName: 'llmgateway.v1.Usage', input: 9, estimated: false })
  expect([log.length, events.length]).toEqual([reported, sent])
})

test('what fails, fails once', () => {
  const { answer, log } = setUp()
  answer.failWith({})
  answer.failWith({})
  answer.done()
  expect(log).toEqual(['failed UPSTREAM_ERROR before its beginning'])
})

test('a failure after the beginning tells what was used until then', () => {
  const { answer, log, record } = setUp()
  answer.text('12345678')
  answer.failWith({})
  expect(log).toEqual(['begun', 'failed UPSTREAM_STREAM_ERROR after its beginning', 'ended UPSTREAM_STREAM_ERROR'])
  expect(record.usage()).toMatchObject({ input: 10, output: 2, total: 12, estimated: true })
})

test('a call gets the id that its vendor left out, and says it and its name once', () => {
  const { answer, events } = setUp()
  answer.toolCall(0, { name: 'add', arguments: '{"a"' })
  answer.toolCall(0, { id: '', name: 'add', arguments: ':1}' })
  answer.toolCall(0, { name: 'add' })
  answer.toolCall(1, { id: 'theirs', name: 'sub' })
  expect(events.slice(1).map((event) => event.value)).toMatchObject([
    { index: 0, id: 'call_0', name: 'add', arguments: '{"a"' },
    { index: 0, id: '', name: '', arguments: ':1}' },
    { index: 1, id: 'theirs', name: 'sub', arguments: '' },
  ])
})

test.each([
  ['tool calls', (answer: ChatReply) => answer.toolCall(1_000_000_000, { name: 'far' })],
  ['reasoning', (answer: ChatReply) => answer.reasoning(2, { text: 'far' })],
])('an index of %s that jumps fails the answer', (_, jump) => {
  const { answer, log } = setUp()
  jump(answer)
  expect(log).toEqual(['failed UPSTREAM_LIMIT before its beginning'])
})

test.each([
  ['stop', FinishReason.STOP, false, FinishReason.STOP],
  ['stop beside tool calls', FinishReason.STOP, true, FinishReason.TOOL_CALLS],
  ['length beside tool calls', FinishReason.LENGTH, true, FinishReason.LENGTH],
  ['no reason', undefined, false, FinishReason.OTHER],
])('the finish reason: %s', (_, reason, withTool, expected) => {
  const { answer, finish } = setUp()
  answer.text('a')
  if (withTool) answer.toolCall(0, { name: 'add' })
  if (reason !== undefined) answer.stop(reason, 'raw')
  answer.done()
  expect(finish()).toMatchObject({ finishReason: expected, rawFinishReason: reason === undefined ? '' : 'raw' })
})

test.each([
  ['as reported', { input: 7, output: 3, total: 11 }, { input: 7, output: 3, total: 11, estimated: false }],
  ['with a total that was not', { input: 7, output: 3 }, { input: 7, output: 3, total: 10, estimated: false }],
  ['with zeros that are zeros', { input: 7, output: 0 }, { input: 7, output: 0, total: 7, estimated: false }],
  ['estimated where nothing is reported', {}, { input: 10, output: 2, total: 12, estimated: true }],
  [
    'estimated where a count is negative',
    { input: -7, output: 3 },
    { input: 10, output: 3, total: 13, estimated: true },
  ],
  [
    'estimated where a count is a fraction',
    { input: 7, output: 0.5 },
    { input: 7, output: 2, total: 9, estimated: true },
  ],
  [
    'estimated where a count is a text',
    { input: '7', output: 2 ** 53 },
    { input: 10, output: 2, total: 12, estimated: true },
  ],
])('usage %s', (_, reported, expected) => {
  const { answer, finish } = setUp()
  answer.text('12345678')
  const usage = usageFrom(reported)
  if (usage) answer.usage(usage)
  answer.done()
  expect(finish().usage).toMatchObject(expected)
  expect(finish().cost?.estimated).toBe(expected.estimated)
})

test('of several reports of usage the larger counts hold', () => {
  const { answer, finish } = setUp()
  answer.text('a')
  answer.usage({ $typeName: 'llmgateway.v1.Usage', input: 5, output: 1, estimated: false })
  answer.usage({ $typeName: 'llmgateway.v1.Usage', input: 5, output: 4, estimated: false })
  answer.usage({ $typeName: 'llmgateway.v1.Usage', input: 0, output: 0, total: 0, estimated: false })
  answer.done()
  expect(finish().usage).toMatchObject({ input: 5, output: 4, total: 9, estimated: false })
})

test.each([
  ['the model that was asked', ['m'], 0.000_013],
  ['the model that answered, where that is not known', ['m-2026'], 0.000_013],
  ['no other model', ['m2'], undefined],
])('the cost is that of %s', (_, priced, usd) => {
  const { answer, finish } = setUp({ priced })
  answer.stop(FinishReason.STOP, 'stop')
  answer.identify('up-1', 'm-2026')
  answer.usage({ $typeName: 'llmgateway.v1.Usage', input: 7, output: 3, estimated: false })
  answer.done()
  expect(finish().cost?.usd).toBe(usd)
})

test('the route tells how the attempt ended, and unary answers commit nothing before they are whole', () => {
  const { answer, finish, record } = setUp({ stream: false })
  answer.warn('seed was left out')
  answer.warn('seed was left out')
  answer.text('a')
  expect(record.committed()).toBe(false)
  answer.done()
  expect(finish().route).toMatchObject({
    provider: 'p',
    model: 'm',
    warnings: ['seed was left out'],
    fallbackUsed: false,
  })
  expect(finish().route?.attempts).toMatchObject([{ provider: 'p', model: 'm', reason: '' }])
})
