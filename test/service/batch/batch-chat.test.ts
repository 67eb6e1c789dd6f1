import { create, toBinary } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import type { Call, CallContext } from '../../../src/domain/calls/call.ts'
import { Cancellation } from '../../../src/domain/cancellation.ts'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import type { EventStream, Reader } from '../../../src/domain/streams/event-stream.ts'
import { finishEvent, textEvent } from '../../../src/domain/streams/events.ts'
import {
  BatchChatRequestSchema,
  type BatchChatResult,
  type ChatEvent,
  type ChatRequest,
  ChatRequestSchema,
  FinishReason,
  Role,
} from '../../../src/domain/types.ts'
import { createBatchChat } from '../../../src/service/batch/batch-chat.ts'
import { FakeClock, settle } from '../../support/fake-clock.ts'
import { openStream } from '../../support/streams.ts'
import { testContext } from '../../support/test-gateway.ts'

/** One call that a batch has made. */
interface Asked {
  readonly text: string
  readonly context: CallContext
  answer(text?: string): void
  fail(error: GatewayError): void
}

/** Reads a batch, and keeps what it was given. `room` is how much it takes before it is full. */
class BatchReader implements Reader<BatchChatResult> {
  readonly results: BatchChatResult[] = []
  ended: GatewayError | 'ok' | undefined
  room = Number.POSITIVE_INFINITY

  event(result: BatchChatResult): boolean {
    this.results.push(result)
    return --this.room > 0
  }

  end(error?: GatewayError): void {
    this.ended = error ?? 'ok'
  }

  /** Position and outcome of each result, in the order of arrival. */
  get outcomes(): string[] {
    return this.results.map(({ index, result }) => {
      if (result.case === 'error') return `${index} ${result.value.reason}`
      return `${index} ${result.case === 'response' ? result.value.message?.content : result.case}`
    })
  }
}

interface Limits {
  readonly parallel?: number
  readonly parallelPerCaller?: number
  readonly maxItemDuration?: number
  readonly maxResultBytes?: number
}

function world({
  parallel = 2,
  parallelPerCaller = parallel,
  maxItemDuration = 10_000,
  maxResultBytes = 10_000,
}: Limits = {}) {
  const clock = new FakeClock()
  const asked: Asked[] = []
  const reports: GatewayError[] = []
  const batchChat = createBatchChat({
    chat: ({ request, context }: Call<ChatRequest>) =>
      new Promise<EventStream<ChatEvent>>((resolve, reject) => {
        context.cancellation.add({ cancel: reject })
        asked.push({
          text: request.messages[0]?.content ?? '',
          context,
          answer(text = 'fine') {
            const events = openStream<ChatEvent>(context.cancellation)
            events.push(textEvent(text))
            events.push(finishEvent({ finishReason: FinishReason.STOP, rawFinishReason: 'stop' }))
            events.end()
            resolve(events)
          },
          fail: reject,
        })
      }),
    authenticator: { identify: () => ({ id: 'key:web', name: 'web', admin: false }) },
    clock,
    parallel,
    parallelPerCaller,
    maxItemDuration,
    maxResultBytes,
    report: (error) => reports.push(error),
  })
  const begin = async (texts: readonly string[], some: { parallel?: number; cancellation?: Cancellation } = {}) => {
    const request = create(BatchChatRequestSchema, { requests: texts.map(question), parallel: some.parallel ?? 0 })
    const requestBytes = toBinary(BatchChatRequestSchema, request)
    const cancellation = some.cancellation ?? new Cancellation()
    const context = testContext(clock, { requestId: 'batch', cancellation, requestBytes, deadline: clock.now() + 1e6 })
    const reader = new BatchReader()
    const events = await batchChat(request, context)
    return { events, reader, cancellation, read: () => events.read(reader) }
  }
  return { clock, asked, reports, begin, texts: () => asked.map(({ text }) => text) }
}

const question = (content: string) =>
  create(ChatRequestSchema, { model: 'm', messages: [{ role: Role.USER, content }] })

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `q${index}`)

test('results come as they are ready, each with its position', async () => {
  const { begin, asked } = world({ parallel: 3 })
  const { reader, read } = await begin(numbered(3))
  read()
  for (const [at, text] of [
    [2, 'c'],
    [0, 'a'],
    [1, 'b'],
  ] as const) {
    asked[at]?.answer(text)
    await settle()
  }
  expect(reader.outcomes).toEqual(['2 c', '0 a', '1 b'])
  expect(reader.ended).toBe('ok')
})

test('each request is a call with an id and the bytes of its own', async () => {
  const { begin, asked } = world({ parallel: 3 })
  await begin(numbered(2))
  expect(asked.map(({ context }) => context.requestId)).toEqual(['batch-0', 'batch-1'])
  expect(asked.map(({ context }) => context.background)).toEqual([true, true])
  for (const { context, text } of asked) {
    expect(Buffer.from(context.requestBytes)).toEqual(Buffer.from(toBinary(ChatRequestSchema, question(text))))
  }
  expect(asked[0]?.context.record).not.toBe(asked[1]?.context.record)
})

test('the failure of one does not fail the others', async () => {
  const { begin, asked } = world()
  const { reader, read } = await begin(numbered(3))
  read()
  asked[0]?.fail(new GatewayError('RATE_LIMITED', 'Too many.', { retryAfter: 1500 }))
  await settle()
  asked[1]?.answer()
  asked[2]?.answer()
  await settle()
  expect(reader.outcomes).toEqual(['0 RATE_LIMITED', '1 fine', '2 fine'])
  const [first] = reader.results
  expect(first).toMatchObject({
    id: 'batch-0',
    result: { value: { code: 8, message: 'Too many.', retryAfter: { seconds: 1n, nanos: 500_000_000 } } },
  })
  expect(reader.ended).toBe('ok')
})

test('a failure of the gateway itself is reported, and the caller is not shown its cause', async () => {
  const { begin, asked, reports } = world()
  const { reader, read } = await begin(['q'])
  read()
  asked[0]?.fail(new TypeError('secret') as unknown as GatewayError)
  await settle()
  expect(reader.results[0]?.result.value).toMatchObject({ code: 13, message: 'The gateway failed; its log says why.' })
  expect(reports.map(({ reason }) => reason)).toEqual(['INTERNAL'])
})

test.each([
  { parallel: 1, atOnce: 1 },
  { parallel: 2, atOnce: 2 },
  { parallel: 0, atOnce: 3 },
  { parallel: 99, atOnce: 3 },
])('parallel $parallel, where 3 are configured, asks $atOnce at once', async ({ parallel, atOnce }) => {
  const { begin, asked } = world({ parallel: 3 })
  const { read } = await begin(numbered(6), { parallel })
  read()
  expect(asked).toHaveLength(atOnce)
  for (let answered = 0; answered < 6; answered++) {
    expect(asked.length - answered).toBeLessThanOrEqual(atOnce)
    asked[answered]?.answer()
    await settle()
  }
})

test('the batches of one caller share its places and take turns', async () => {
  const { begin, asked, texts } = world({ parallel: 2 })
  const first = await begin(['a0', 'a1', 'a2', 'a3'])
  const second = await begin(['b0', 'b1', 'b2', 'b3'])
  first.read()
  second.read()
  expect(texts()).toEqual(['a0', 'a1'])
  for (let answered = 0; answered < 8; answered++) {
    expect(asked.length - answered).toBeLessThanOrEqual(2)
    asked[answered]?.answer()
    await settle()
  }
  const lead = texts().map((_, at) =>
    texts()
      .slice(0, at + 1)
      .reduce((sum, text) => sum + (text.startsWith('a') ? 1 : -1), 0),
  )
  expect(Math.max(...lead.map(Math.abs))).toBeLessThanOrEqual(2)
  expect([first.reader.ended, second.reader.ended]).toEqual(['ok', 'ok'])
})

test('a caller has more places than one batch of it', async () => {
  const { begin, texts } = world({ parallel: 2, parallelPerCaller: 3 })
  for (const name of ['a', 'b']) {
    const { read } = await begin([0, 1, 2].map((index) => `${name}${index}`))
    read()
  }
  expect(texts()).toEqual(['a0', 'a1', 'b0'])
})

test('a batch that was cancelled lets another one of its caller go on', async () => {
  const { begin, asked, texts } = world({ parallel: 1 })
  const first = await begin(['a0', 'a1'])
  const second = await begin(['b0'])
  first.read()
  second.read()
  first.cancellation.cancel(new GatewayError('CANCELLED', 'gone'))
  await settle()
  expect(texts()).toEqual(['a0', 'b0'])
  expect(asked[0]?.context.cancellation.reason?.reason).toBe('CANCELLED')
  asked[1]?.answer()
  await settle()
  expect(second.reader.outcomes).toEqual(['0 fine'])
})

test('while the reader is full no request begins', async () => {
  const { begin, asked } = world({ parallel: 2 })
  const { events, reader, read } = await begin(numbered(10))
  reader.room = 1
  read()
  asked[0]?.answer()
  asked[1]?.answer()
  await settle()
  expect(reader.results).toHaveLength(1)
  expect(asked.length).toBeLessThanOrEqual(3)
  const before = asked.length
  asked[2]?.answer()
  await settle()
  expect(asked).toHaveLength(before)
  reader.room = Number.POSITIVE_INFINITY
  events.resume()
  for (let at = before; at < 10; at++) {
    asked[at]?.answer()
    await settle()
  }
  expect(reader.outcomes).toHaveLength(10)
  expect(reader.ended).toBe('ok')
})

test('a batch that is cancelled ends all its calls and begins no more', async () => {
  const { begin, asked, clock } = world({ parallel: 2 })
  const { reader, read, cancellation } = await begin(numbered(5))
  read()
  cancellation.cancel(new GatewayError('CANCELLED', 'The client disconnected.'))
  await settle()
  expect(asked.map(({ context }) => context.cancellation.reason?.reason)).toEqual(['CANCELLED', 'CANCELLED'])
  expect(reader.ended).toMatchObject({ reason: 'CANCELLED' })
  expect(reader.results).toEqual([])
  expect(clock.waiting).toBe(0)
})

test('a gateway that drains ends each unfinished request with DRAINING, and the batch well', async () => {
  const { begin, asked, clock } = world({ parallel: 2 })
  const { reader, read, cancellation } = await begin(numbered(4))
  read()
  asked[0]?.answer()
  await settle()
  cancellation.cancel(new GatewayError('DRAINING', 'shutting down'))
  await settle()
  expect(reader.outcomes).toEqual(['0 fine', '1 DRAINING', '2 DRAINING', '3 DRAINING'])
  expect(reader.results.map(({ id }) => id)).toEqual(['', 'batch-1', 'batch-2', ''])
  expect(reader.ended).toBe('ok')
  expect(clock.waiting).toBe(0)
})

test('a request that takes too long fails alone', async () => {
  const { begin, asked, clock } = world({ parallel: 2, maxItemDuration: 5_000 })
  const { reader, read } = await begin(numbered(2))
  read()
  await clock.advance(4_999)
  asked[1]?.answer()
  await clock.advance(1)
  expect(reader.outcomes).toEqual(['1 fine', '0 GATEWAY_MAX_DURATION'])
  expect(reader.ended).toBe('ok')
})

test('an answer that is too large to be sent fails alone', async () => {
  const { begin, asked } = world({ parallel: 2, maxResultBytes: 1_000 })
  const { reader, read } = await begin(numbered(2))
  read()
  asked[0]?.answer('x'.repeat(1_000))
  asked[1]?.answer()
  await settle()
  expect(reader.outcomes).toEqual(['0 RESPONSE_TOO_LARGE', '1 fine'])
})

test.each([
  { count: 0, description: 'must have at least one request' },
  { count: 1_001, description: 'must not have more than 1000 requests' },
])('$count requests are refused', async ({ count, description }) => {
  const { begin, asked } = world()
  await expect(begin(numbered(count))).rejects.toMatchObject({
    reason: 'INVALID_REQUEST',
    facts: { fields: [{ field: 'requests', description }] },
  })
  expect(asked).toEqual([])
})
