import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { duration } from '../../../src/domain/calls/call-record.ts'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import type { EventStream } from '../../../src/domain/streams/event-stream.ts'
import { type StatsResponse, WatchStatsRequestSchema } from '../../../src/domain/types.ts'
import { createWatchStats } from '../../../src/service/methods/watch-stats.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { contextFor, statsWith } from '../../support/provider-world.ts'

function world() {
  const clock = new FakeClock()
  const context = contextFor(clock)
  const view = createWatchStats(statsWith(), clock)
  const watch = (ms?: number) =>
    view(create(WatchStatsRequestSchema, ms === undefined ? {} : { interval: duration(ms) }), context)
  return { clock, context, watch }
}

/** Notes what a reader is told; it has room for `room` messages. */
function read(stream: EventStream<StatsResponse>, room = Number.POSITIVE_INFINITY) {
  const reported: unknown[] = []
  const reader = { reported, room }
  stream.read({
    event(message) {
      reported.push(Number(message.totalRequests))
      return --reader.room > 0
    },
    end(error) {
      reported.push(error?.reason ?? 'OK')
    },
  })
  return reader
}

test('tells the counters at once and then at each interval', async () => {
  const { clock, watch } = world()
  const { reported } = read(await watch(250))
  expect(reported).toEqual([1])
  await clock.advance(249)
  expect(reported).toEqual([1])
  await clock.advance(1)
  expect(reported).toEqual([1, 2])
  await clock.advance(500)
  expect(reported).toEqual([1, 2, 3, 4])
})

test('every second when no interval is given', async () => {
  const { clock, watch } = world()
  const { reported } = read(await watch())
  await clock.advance(3_000)
  expect(reported).toEqual([1, 2, 3, 4])
})

test('a slow interval is kept', async () => {
  const { clock, watch } = world()
  const { reported } = read(await watch(3_600_000))
  await clock.advance(3_599_999)
  expect(reported).toEqual([1])
  await clock.advance(1)
  expect(reported).toEqual([1, 2])
})

test('a full reader gets nothing, and one fresh message as soon as it has room', async () => {
  const { clock, watch } = world()
  const stream = await watch(100)
  const reader = read(stream, 1)
  await clock.advance(1_000)
  expect(reader.reported).toEqual([1])
  expect(clock.waiting).toBe(0)
  reader.room = 10
  stream.resume()
  await clock.advance(0)
  expect(reader.reported).toEqual([1, 2])
})

test('ends with the call, and leaves no timer and no listener', async () => {
  const { clock, context, watch } = world()
  const { reported } = read(await watch(100))
  context.cancellation.cancel(new GatewayError('CANCELLED', 'gone'))
  expect(reported).toEqual([1, 'CANCELLED'])
  expect(clock.waiting).toBe(0)
  expect(context.cancellation.size).toBe(0)
})

test('a call that is over before it began leaves no timer', async () => {
  const { clock, context, watch } = world()
  context.cancellation.cancel(new GatewayError('CANCELLED', 'gone'))
  await expect(watch(100)).rejects.toMatchObject({ reason: 'CANCELLED' })
  expect(clock.waiting).toBe(0)
})

describe('the interval', () => {
  test.each([100, 3_600_000])('may be %d ms', async (ms) => {
    const { context, watch } = world()
    await expect(watch(ms)).resolves.toBeDefined()
    context.cancellation.cancel(new GatewayError('CANCELLED', 'gone'))
  })

  test.each([
    ['99.999999 ms', { seconds: 0n, nanos: 99_999_999 }],
    ['above 1 h', { seconds: 3_600n, nanos: 1 }],
    ['zero', { seconds: 0n, nanos: 0 }],
    ['negative', { seconds: -1n, nanos: 0 }],
    ['beyond all bounds', { seconds: 2n ** 63n - 1n, nanos: 0 }],
  ])('may not be %s', async (_name, interval) => {
    const clock = new FakeClock()
    const view = createWatchStats(statsWith(), clock)
    const error = await view(create(WatchStatsRequestSchema, { interval }), contextFor(clock)).catch((e) => e)
    expect(error).toMatchObject({ reason: 'INVALID_REQUEST', facts: { fields: [{ field: 'interval' }] } })
    expect(clock.waiting).toBe(0)
  })
})
