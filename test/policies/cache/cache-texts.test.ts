import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { create, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import type { Call } from '../../../src/domain/calls/call.ts'
import { type Authenticated, type Billed, createCall, type Planned } from '../../../src/domain/calls/facts.ts'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import type { Reason } from '../../../src/domain/errors/reasons.ts'
import type { CacheRules } from '../../../src/domain/ports/cache.ts'
import { EventStream } from '../../../src/domain/streams/event-stream.ts'
import { finishEvent, startEvent, textEvent } from '../../../src/domain/streams/events.ts'
import { type ChatEvent, type ChatRequest, ChatRequestSchema, FinishReason } from '../../../src/domain/types.ts'
import { cacheTexts } from '../../../src/policies/cache/cache-texts.ts'
import { RequestContext } from '../../../src/server/context.ts'
import { MemoryCache } from '../../../src/stores/cache/memory-cache.ts'
import { callerNamed } from '../../support/caller.ts'
import { FakeClock, settle } from '../../support/fake-clock.ts'

type Asked = Call<ChatRequest> & Authenticated & Planned & Billed

/** What comes after the cache: the test says what it answers. */
class Provider {
  readonly calls: Asked[] = []
  readonly streams: EventStream<ChatEvent>[] = []
  paused = 0
  cancelled = 0
  readonly #begun: ((result: EventStream<ChatEvent> | GatewayError) => void)[] = []

  readonly ask = (call: Asked) => {
    this.calls.push(call)
    return new Promise<EventStream<ChatEvent>>((resolve, reject) => {
      const { cancellation } = call.context
      const withCall = {
        cancel: (reason: GatewayError) => {
          this.cancelled++
          reject(reason)
        },
      }
      cancellation.add(withCall)
      this.#begun.push((result) => {
        cancellation.remove(withCall)
        if (result instanceof GatewayError) reject(result)
        else resolve(result)
      })
    })
  }

  /** The first meaningful event is in hand. */
  async begin(at = 0): Promise<EventStream<ChatEvent>> {
    const call = this.calls[at]
    if (!call) throw new Error('nobody asks')
    const events = new EventStream<ChatEvent>(call.context.cancellation, {
      pause: () => this.paused++,
      resume: () => this.paused--,
      cancel: () => this.cancelled++,
    })
    this.streams.push(events)
    events.push(startEvent(call.context.requestId, route()))
    this.#begun[at]?.(events)
    await settle()
    return events
  }

  async refuse(reason: Reason, at = 0): Promise<void> {
    this.#begun[at]?.(new GatewayError(reason, 'no'))
    await settle()
  }
}

const route = () => ({
  $typeName: 'llmgateway.v1.Route' as const,
  provider: 'up',
  model: 'm',
  responseModel: '',
  upstreamId: '',
  cached: false,
  cacheId: '',
  fallbackUsed: false,
  attempts: [],
  warnings: [],
  keyId: '',
})
const cost = { $typeName: 'llmgateway.v1.Cost' as const, usd: 3, inputUsd: 1, outputUsd: 2, estimated: false }
const finish = () =>
  finishEvent({ finishReason: FinishReason.STOP, rawFinishReason: '', usage: undefined, cost, route: route() })

const RULES: CacheRules = { enabled: true, ttl: 60_000, fallbackTtl: 1_000, maxTemperature: undefined }

function world() {
  const clock = new FakeClock()
  const store = new MemoryCache({ clock, maxEntries: 10, maxBytes: 1 << 24 })
  const counts = { hits: 0, misses: 0, shared: 0 }
  const observer = { hit: () => counts.hits++, miss: () => counts.misses++, shared: () => counts.shared++ }
  const provider = new Provider()
  const answer = cacheTexts({ store, observer, clock, rules: () => RULES }, clock)<Asked, ChatEvent>(provider.ask)
  let calls = 0

  function call(
    operation: 'chat' | 'stream_chat' = 'stream_chat',
    some: { timeout?: number; caller?: string; handler?: typeof answer } = {},
  ) {
    const request = create(ChatRequestSchema, { model: 'm' })
    const context = new RequestContext(
      clock,
      {
        requestId: `call-${++calls}`,
        credential: undefined,
        peer: '',
        timeout: some.timeout,
        maxDuration: 600_000,
        requestBytes: () => toBinary(ChatRequestSchema, request),
        header: () => undefined,
      },
      () => {},
    )
    const caller = callerNamed(some.caller ?? 'ada')
    const asked = { ...createCall(operation, request, context), caller, targets: [], bill: undefined }
    return new Reading((some.handler ?? answer)(asked), context)
  }

  return { clock, store, counts, provider, call }
}

/** Someone who reads an answer, as long as it has room. */
class Reading {
  readonly context: RequestContext
  readonly reported: ChatEvent['event'][] = []
  events: EventStream<ChatEvent> | undefined
  error: GatewayError | undefined
  ended = false
  room = Number.POSITIVE_INFINITY

  constructor(events: Promise<EventStream<ChatEvent>>, context: RequestContext) {
    this.context = context
    void events.then(
      (stream) => {
        this.events = stream
        stream.read({
          event: ({ event }) => {
            this.reported.push(event)
            return --this.room > 0
          },
          end: (error) => this.#end(error),
        })
      },
      (error) => this.#end(GatewayError.from(error)),
    )
  }

  get text(): string {
    return this.reported.map((event) => (event.case === 'text' ? event.value.text : '')).join('')
  }

  get finish() {
    const last = this.reported.at(-1)
    return last?.case === 'finish' ? last.value : undefined
  }

  /** Takes so many more events. */
  take(events: number): void {
    this.room = events
    this.events?.resume()
  }

  leave(): void {
    this.context.cancel(new GatewayError('CANCELLED', 'left'))
  }

  #end(error: GatewayError | undefined): void {
    expect(this.ended, 'one ending').toBe(false)
    this.ended = true
    this.error = error
    this.context.close()
  }
}

describe('equal questions at the same time', () => {
  test('make one, whose earliest reader pays', async () => {
    const { provider, call, counts } = world()
    const readers = [call(), call(), call('chat')]
    const events = await provider.begin()
    events.push(textEvent('a'))
    events.push(finish())
    events.end()
    await settle()
    expect(provider.calls).toHaveLength(1)
    expect(readers.map(({ text, error }) => [text, error])).toEqual(Array(3).fill(['a', undefined]))
    expect(readers.map(({ finish }) => finish?.cost?.usd)).toEqual([3, 0, 0])
    expect(readers.map(({ finish }) => finish?.route?.cached)).toEqual([false, true, true])
    expect(counts).toEqual({ hits: 0, misses: 3, shared: 2 })
  })

  test('cost the others nothing when the first has left', async () => {
    const { provider, call } = world()
    const [first, second, third] = [call(), call(), call()]
    const events = await provider.begin()
    first.leave()
    expect(first.error?.reason).toBe('CANCELLED')
    events.push(textEvent('a'))
    events.push(finish())
    events.end()
    await settle()
    for (const { finish } of [second, third]) {
      expect(finish).toMatchObject({ cost: { usd: 0, savedUsd: 3 }, route: { cached: true } })
    }
    expect(provider.cancelled).toBe(0)
  })

  test('live as long as the most patient of their callers', async () => {
    const { clock, provider, call } = world()
    const hurried = call('chat', { timeout: 1_000 })
    const patient = call('chat', { timeout: 5_000 })
    await clock.advance(1_000)
    expect(hurried.error?.reason).toBe('DEADLINE_EXCEEDED')
    expect(provider.cancelled).toBe(0)
    expect(provider.calls[0]?.context.deadline).toBe(patient.context.deadline)
    await clock.advance(4_000)
    expect(patient.error?.reason).toBe('DEADLINE_EXCEEDED')
    expect(provider.cancelled).toBe(1)
  })

  test('are given up when the last one leaves, and a later one asks anew', async () => {
    const { provider, call } = world()
    const readers = [call(), call()]
    await provider.begin()
    for (const reader of readers) reader.leave()
    expect(provider.cancelled).toBe(1)
    expect(readers.map(({ error }) => error?.reason)).toEqual(['CANCELLED', 'CANCELLED'])
    call()
    expect(provider.calls).toHaveLength(2)
  })

  test('share a vendor’s error', async () => {
    const { provider, call } = world()
    const readers = [call(), call(), call()]
    await provider.refuse('UPSTREAM_CREDENTIALS')
    expect(provider.calls).toHaveLength(1)
    expect(readers.map(({ error }) => error?.reason)).toEqual(Array(3).fill('UPSTREAM_CREDENTIALS'))
  })

  test('never share an error of a policy: those whom it is not about ask by themselves, as one', async () => {
    const { provider, call } = world()
    const [first, second, third] = [call(), call(), call()]
    await provider.refuse('GATEWAY_MAX_DURATION')
    expect(first.error?.reason).toBe('GATEWAY_MAX_DURATION')
    expect(second.ended || third.ended).toBe(false)
    expect(provider.calls).toHaveLength(2)
    const events = await provider.begin(1)
    events.push(textEvent('a'))
    events.push(finish())
    events.end()
    await settle()
    expect([second.text, third.text]).toEqual(['a', 'a'])
  })

  test('share an error in the middle of the answer', async () => {
    const { provider, call, store } = world()
    const readers = [call(), call()]
    const events = await provider.begin()
    events.push(textEvent('a'))
    events.end(new GatewayError('UPSTREAM_STREAM_TRUNCATED', 'broke off'))
    await settle()
    expect(readers.map(({ error, text }) => [error?.reason, text])).toEqual(
      Array(2).fill(['UPSTREAM_STREAM_TRUNCATED', 'a']),
    )
    expect(store.size().entries).toBe(0)
  })

  test('one who comes while the answer is coming hears it from the beginning', async () => {
    const { provider, call } = world()
    const first = call()
    const events = await provider.begin()
    for (const text of ['a', 'b']) events.push(textEvent(text))
    const late = call()
    await settle()
    expect(late.reported.map((event) => event.case)).toEqual(['start', 'text', 'text'])
    events.push(textEvent('c'))
    events.push(finish())
    events.end()
    await settle()
    expect([first.text, late.text]).toEqual(['abc', 'abc'])
    expect(provider.calls).toHaveLength(1)
  })
})

describe('readers of one answer that are not alike', () => {
  test('the slow one does not hold up the others, nor the vendor, while the answer is short', async () => {
    const { provider, call } = world()
    const [slow, fast] = [call(), call()]
    const events = await provider.begin()
    slow.room = 1
    for (let index = 0; index < 100; index++) events.push(textEvent('x'))
    expect(fast.text).toHaveLength(100)
    expect(slow.text).toHaveLength(1)
    expect(provider.paused).toBe(0)
    events.push(finish())
    events.end()
    await settle()
    expect(fast.finish?.route?.cached).toBe(true)
    expect(slow.ended).toBe(false)
    slow.take(1_000)
    expect(slow.text).toHaveLength(100)
    expect(slow.ended).toBe(true)
  })

  test('the vendor waits while all of them are full', async () => {
    const { provider, call } = world()
    const readers = [call(), call()]
    const events = await provider.begin()
    for (const reader of readers) reader.room = 1
    events.push(textEvent('x'))
    expect(provider.paused).toBe(1)
    readers[0]?.take(10)
    expect(provider.paused).toBe(0)
  })

  test('of a long answer the slowest sets the pace, until it has stood still for 10 s', async () => {
    const { clock, provider, call, store } = world()
    const [slow, fast] = [call(), call()]
    const events = await provider.begin()
    slow.room = 1
    const long = 'x'.repeat(300_000)
    for (let index = 0; index < 4; index++) events.push(textEvent(long))
    expect(provider.paused).toBe(1)
    call()
    expect(provider.calls).toHaveLength(2)
    await clock.advance(5_000)
    expect(slow.ended).toBe(false)
    await clock.advance(5_001)
    expect(provider.paused).toBe(0)
    slow.take(1_000)
    expect(slow.error?.reason).toBe('CANCELLED')
    events.push(finish())
    events.end()
    await settle()
    expect(fast.finish?.route).toMatchObject({ cacheId: '' })
    expect(store.size().entries).toBe(0)
    expect(clock.waiting).toBe(1) // the deadline of the third
  })

  test('a slow one that leaves holds up nobody any more', async () => {
    const { provider, call } = world()
    const [slow, fast] = [call(), call()]
    const events = await provider.begin()
    slow.room = 1
    for (let index = 0; index < 4; index++) events.push(textEvent('x'.repeat(300_000)))
    expect(provider.paused).toBe(1)
    slow.leave()
    expect(provider.paused).toBe(0)
    expect(fast.text).toHaveLength(1_200_000)
  })

  test('one that takes a little each time is not left behind', async () => {
    const { clock, provider, call } = world()
    const [slow] = [call(), call()]
    const events = await provider.begin()
    slow.room = 1
    const long = 'x'.repeat(300_000)
    for (let index = 0; index < 4; index++) events.push(textEvent(long))
    for (let round = 0; round < 3; round++) {
      await clock.advance(8_000)
      slow.take(1)
    }
    await clock.advance(3_000)
    expect(slow.ended).toBe(false)
  })

  test('a single reader may stand still as long as its door lets it', async () => {
    const { clock, provider, call } = world()
    const slow = call()
    const events = await provider.begin()
    slow.room = 1
    for (let index = 0; index < 5; index++) events.push(textEvent('x'.repeat(300_000)))
    await clock.advance(100_000)
    expect(slow.ended).toBe(false)
    expect(provider.paused).toBe(1)
  })
})

test('a question that is answered leaves nothing behind', async () => {
  const { clock, store, call } = world()
  const observer = { hit() {}, miss() {}, shared() {} }
  const handler = cacheTexts(
    { store, observer, clock, rules: () => RULES },
    clock,
  )<Asked, ChatEvent>(async ({ context }) => {
    const events = new EventStream<ChatEvent>(context.cancellation, { pause() {}, resume() {}, cancel() {} })
    events.push(finish())
    events.end()
    return events
  })
  const ask = async (from: number, to: number) => {
    for (let count = from; count < to; count++) {
      const reading = call('chat', { caller: `caller-${count}`, handler })
      while (!reading.ended) await Promise.resolve()
    }
    collectGarbage()
    return process.memoryUsage().heapUsed
  }
  await ask(0, 2_000)
  const before = await ask(2_000, 4_000)
  const after = await ask(4_000, 24_000)
  // An entry of a map, its key of 43 characters and its value are more than 100 bytes.
  expect((after - before) / 20_000, 'bytes for each question').toBeLessThan(30)
})

/** All of it, at once. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
}
