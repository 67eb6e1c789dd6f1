import { describe, expect, test } from 'vitest'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import { EventStream } from '../../../src/domain/streams/event-stream.ts'
import type { Handler } from '../../../src/domain/streams/follow.ts'
import type { ChatEvent } from '../../../src/domain/types.ts'
import { retry } from '../../../src/policies/retrying/retry.ts'
import { RetryBudget } from '../../../src/policies/retrying/retry-budget.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { type RoutedCall, routedCall } from '../../support/routed-call.ts'

const SOURCE = { pause() {}, resume() {}, cancel() {} }

/** Answers each attempt as told, the last answer for all that follow, and notes when they came. */
function world(random: number, ...answers: readonly (GatewayError | 'ok')[]) {
  let ending = false
  const clock = new FakeClock()
  const budget = new RetryBudget()
  const begun: number[] = []
  const start = clock.now()
  const next: Handler<RoutedCall, ChatEvent> = async (call) => {
    begun.push(clock.now() - start)
    const answer = answers[Math.min(begun.length, answers.length) - 1]
    if (answer instanceof GatewayError) throw answer
    return new EventStream(call.context.cancellation, SOURCE)
  }
  const ask = retry({ clock, random: () => random, budget, isEnding: () => ending })<RoutedCall, ChatEvent>(next)
  return {
    clock,
    budget,
    begun,
    end: () => {
      ending = true
    },
    /** What becomes of a call: `ok`, or the reason of its error. */
    call: (call = routedCall(clock)) =>
      ask(call).then(
        () => 'ok',
        (error: GatewayError) => error.reason,
      ),
  }
}

const failed = (retryAfter?: number) =>
  new GatewayError('UPSTREAM_ERROR', 'no', {
    retry: true,
    fallback: true,
    ...(retryAfter !== undefined && { retryAfter }),
  })
const final = new GatewayError('UPSTREAM_CREDENTIALS', 'no', { fallback: true })

test('a failure that may pass is followed by one more attempt, and no other', async () => {
  const { clock, begun, call } = world(0.5, failed())
  const ended = call()
  await clock.advance(60_000)
  expect(await ended).toBe('UPSTREAM_ERROR')
  expect(begun).toEqual([0, 1_125])
  expect(clock.waiting).toBe(0)
})

test('the second attempt may succeed', async () => {
  const { clock, call } = world(0, failed(), 'ok')
  const ended = call()
  await clock.advance(1_000)
  expect(await ended).toBe('ok')
})

test('a failure that will not pass is told at once', async () => {
  const { begun, call } = world(0, final)
  expect(await call()).toBe('UPSTREAM_CREDENTIALS')
  expect(begun).toEqual([0])
})

test('a gateway that is about to end tries nothing again', async () => {
  const { begun, end, call } = world(0, failed())
  end()
  expect(await call()).toBe('UPSTREAM_ERROR')
  expect(begun).toEqual([0])
})

describe('it waits', () => {
  test.each([
    ['at least 250 ms', undefined, 0, 250],
    ['at most 2 s', undefined, 0.999_999, 2_000],
    ['as long as the upstream asks, and a little longer by chance', 1_000, 0.4, 1_100],
    ['not at all where the upstream says so', 0, 0, 0],
    ['2 s where the upstream asks for them', 2_000, 0.9, 2_000],
  ])('%s', async (_, asked, random, wait) => {
    const { clock, begun, call } = world(random, failed(asked), 'ok')
    const ended = call()
    await clock.advance(10_000)
    expect(await ended).toBe('ok')
    expect(begun[1]).toBeCloseTo(wait, 1)
  })

  test('never more than 2 s: then it leaves the target to others', async () => {
    const { begun, call } = world(0, failed(2_001))
    expect(await call()).toBe('UPSTREAM_ERROR')
    expect(begun).toEqual([0])
  })
})

describe('no attempt is begun that cannot end in time:', () => {
  test.each([
    ['within the deadline', { left: 449 }, 1],
    ['just within the deadline', { left: 450 }, 2],
    ['within the time for the first event', { left: 60_000, firstEvent: 449 }, 1],
    ['just within the time for the first event', { left: 60_000, firstEvent: 450 }, 2],
  ])('%s', async (_, limits, attempts) => {
    const { clock, begun, call } = world(0, failed())
    const ended = call(routedCall(clock, undefined, limits))
    await clock.advance(10_000)
    await ended
    expect(begun).toHaveLength(attempts)
  })
})

test('a call has two further attempts, however many targets it asks', async () => {
  const { clock, begun, call } = world(0, failed())
  const one = routedCall(clock)
  for (let target = 0; target < 4; target++) {
    const ended = call(one)
    await clock.advance(10_000)
    await ended
  }
  expect(begun).toHaveLength(6)
  expect(one.context.record.retries).toBe(2)
})

test('a caller that leaves during the wait is told at once, and nothing is begun', async () => {
  const { clock, budget, begun, call } = world(0.5, failed())
  const one = routedCall(clock)
  const ended = call(one)
  await clock.advance(100)
  expect(budget).toEqual({ calls: 1, retries: 1 })
  one.context.cancellation.cancel(new GatewayError('CANCELLED', 'The client disconnected.'))
  expect(await ended).toBe('CANCELLED')
  expect(begun).toEqual([0])
  expect(clock.waiting).toBe(0)
  expect(one.context.cancellation.size).toBe(0)
  expect(budget).toEqual({ calls: 0, retries: 0 })
})

describe('of all calls that fail together', () => {
  test.each([
    [2, 2],
    [10, 3],
    [100, 20],
  ])('%i: %i are tried again', async (calls, retried) => {
    const { clock, budget, begun, call } = world(0.5, failed())
    const ended = Array.from({ length: calls }, () => call())
    await clock.advance(0)
    expect(budget.retries).toBe(retried)
    await clock.advance(60_000)
    await Promise.all(ended)
    expect(begun).toHaveLength(calls + retried)
    expect(budget).toEqual({ calls: 0, retries: 0 })
  })
})
