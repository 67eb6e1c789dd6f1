import { describe, expect, test } from 'vitest'
import type { Target } from '../../../src/domain/calls/facts.ts'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import type { Handler } from '../../../src/domain/streams/follow.ts'
import type { ChatEvent } from '../../../src/domain/types.ts'
import { route } from '../../../src/policies/routing/route.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { type RoutedCall, type RoutedCallOptions, routedCall, targetOf } from '../../support/routed-call.ts'
import { openStream } from '../../support/streams.ts'

interface World {
  /** What each target fails with, by its name; the others answer. */
  readonly failures: Readonly<Record<string, GatewayError>>
  readonly targets?: readonly Target[]
  readonly ending?: boolean
  readonly call?: RoutedCallOptions
}

/** Which targets were asked, how long each may take to its first event, and how the call ended. */
async function ask({ failures, targets = [targetOf('one'), targetOf('two')], ending = false, call = {} }: World) {
  const clock = new FakeClock()
  const asked: string[] = []
  const shares: number[] = []
  const next: Handler<RoutedCall, ChatEvent> = async ({ target, context, firstEventBy }) => {
    asked.push(target.provider.name)
    shares.push(firstEventBy - clock.now())
    const failure = failures[target.provider.name]
    if (failure) throw failure
    return openStream(context.cancellation)
  }
  const outcome = await route(
    clock,
    () => ending,
  )<RoutedCall, ChatEvent>(next)(routedCall(clock, targets, call)).then(
    () => 'answered',
    (error: GatewayError) => error.reason,
  )
  return { asked, shares, outcome }
}

const passing = new GatewayError('UPSTREAM_ERROR', 'no', { fallback: true })

describe('a call whose first target fails', () => {
  test.each<[string, Omit<World, 'failures'>, string[], string]>([
    ['goes on to the next target', {}, ['one', 'two'], 'answered'],
    ['at a gateway that is about to end goes on to no other', { ending: true }, ['one'], 'UPSTREAM_ERROR'],
    ['with time for another goes on', { call: { left: 200 } }, ['one', 'two'], 'answered'],
    ['without time for another ends', { call: { left: 199 } }, ['one'], 'UPSTREAM_ERROR'],
  ])('%s', async (_, world, asked, outcome) => {
    expect(await ask({ failures: { one: passing }, ...world })).toMatchObject({ asked, outcome })
  })

  test.each<[string, GatewayError, Partial<Target>, string[]]>([
    [
      'that no other target would cure ends',
      new GatewayError('UPSTREAM_ERROR', 'no', { fallback: false }),
      {},
      ['one'],
    ],
    [
      'without a known outcome ends where nobody may be asked twice',
      new GatewayError('UPSTREAM_GATEWAY', 'no', { fallback: true }),
      { onUnknown: 'fail' },
      ['one'],
    ],
    [
      'without a known outcome goes on elsewhere',
      new GatewayError('UPSTREAM_GATEWAY', 'no', { fallback: true }),
      {},
      ['one', 'two'],
    ],
  ])('with an error %s', async (_, failure, facts, asked) => {
    const targets = [targetOf('one', {}, facts), targetOf('two')]
    expect((await ask({ failures: { one: failure }, targets })).asked).toEqual(asked)
  })
})

test('a conversation that is too long for one model goes only to those with a known larger window', async () => {
  const withWindow = (name: string, contextWindow?: number) =>
    targetOf(name, { describe: () => (contextWindow === undefined ? {} : { contextWindow }) })
  const targets = [
    withWindow('small', 8_000),
    withWindow('equal', 8_000),
    withWindow('unknown'),
    withWindow('large', 9_000),
  ]
  const failures = { small: new GatewayError('CONTEXT_LENGTH_EXCEEDED', 'no', { fallback: true }) }
  expect(await ask({ failures, targets })).toMatchObject({ asked: ['small', 'large'], outcome: 'answered' })
})

test('a stream has its share of the time for its first event at each target, and all the rest at the last', async () => {
  const targets = [targetOf('one'), targetOf('two', {}, { attemptTimeout: 5_000 }), targetOf('three')]
  const { shares } = await ask({ failures: { one: passing, two: passing }, targets, call: { left: 90_000 } })
  expect(shares).toEqual([30_000, 5_000, Number.POSITIVE_INFINITY])
})

test('no share of the time is less than 10 s', async () => {
  const { shares } = await ask({ failures: { one: passing }, call: { left: 12_000 } })
  expect(shares[0]).toBe(10_000)
})
