import { describe, expect, test } from 'vitest'
import type { Keyed } from '../../src/domain/calls/facts.ts'
import { GatewayError } from '../../src/domain/errors/error.ts'
import type { Reason } from '../../src/domain/errors/reasons.ts'
import type { EventStream } from '../../src/domain/streams/event-stream.ts'
import { AttemptOutcome, type ChatEvent } from '../../src/domain/types.ts'
import { safetyLock } from '../../src/policies/routing/safety-lock.ts'
import { SafetyLocks } from '../../src/policies/routing/safety-locks.ts'
import { useKeys } from '../../src/policies/use-keys.ts'
import { ProviderKeyPool } from '../../src/providers/credentials/key-pool.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { type RoutedCall, routedCall, targetOf } from '../support/routed-call.ts'
import { openStream } from '../support/streams.ts'

function failureOf(reason: Reason, retryAfter?: number): GatewayError {
  return new GatewayError(reason, 'no', retryAfter === undefined ? {} : { retryAfter })
}

/** A provider whose keys fail as given, or answer. */
function provider(failures: Readonly<Record<string, GatewayError | undefined>>, onAttempt = (_call: RoutedCall) => {}) {
  const clock = new FakeClock()
  const keys = new ProviderKeyPool({ provider: 'p', keyIds: Object.keys(failures), clock, probe: async () => {} })
  const asked: string[] = []
  const streams: EventStream<ChatEvent>[] = []
  const policy = useKeys(clock)<RoutedCall, ChatEvent>(async (call: RoutedCall & Keyed) => {
    onAttempt(call)
    const id = call.key?.keyId ?? 'none'
    asked.push(id)
    const failure = failures[id]
    if (failure) throw failure
    const stream = openStream(call.context.cancellation)
    streams.push(stream)
    return stream
  })
  const call = routedCall(clock, [targetOf('p', { keys })])
  return { clock, keys, asked, streams, policy, call }
}

const active = ({ keys }: ReturnType<typeof provider>) => keys.list().reduce((sum, key) => sum + key.active, 0)

describe('an attempt', () => {
  test('has its key until its stream ends', async () => {
    const world = provider({ a: undefined })
    const events = await world.policy(world.call)
    expect(active(world)).toBe(1)
    events.read({ event: () => true, end() {} })
    world.streams[0]?.end()
    expect(active(world)).toBe(0)
  })

  test('gives its key back when its caller leaves', async () => {
    const world = provider({ a: undefined })
    await world.policy(world.call)
    world.call.context.cancellation.cancel(new GatewayError('CANCELLED', 'gone'))
    expect(active(world)).toBe(0)
  })

  test('needs none where the provider has none', async () => {
    const { clock, policy, asked } = provider({ a: undefined })
    await policy(routedCall(clock, [targetOf('keyless')]))
    expect(asked).toEqual(['none'])
  })
})

describe('a key that fails', () => {
  test('is followed by the next one, until the deadline is near', async () => {
    const world = provider({ a: failureOf('UPSTREAM_CREDENTIALS'), b: undefined })
    const late = { ...world.call.context, deadline: world.clock.now() + 199 }
    await expect(world.policy({ ...world.call, context: late })).rejects.toMatchObject({
      reason: 'UPSTREAM_CREDENTIALS',
    })
    expect(world.asked).toEqual(['a'])
  })

  test('is not followed by another when its caller has left', async () => {
    const world = provider({ a: failureOf('UPSTREAM_CREDENTIALS'), b: undefined }, ({ context }) =>
      context.cancellation.cancel(new GatewayError('CANCELLED', 'gone')),
    )
    await expect(world.policy(world.call)).rejects.toMatchObject({ reason: 'UPSTREAM_CREDENTIALS' })
    expect(world.asked).toEqual(['a'])
  })

  test('of several the last is told, where none passes by itself', async () => {
    const world = provider({
      a: failureOf('UPSTREAM_CREDENTIALS'),
      b: failureOf('UPSTREAM_BILLING'),
    })
    await expect(world.policy(world.call)).rejects.toMatchObject({ reason: 'UPSTREAM_BILLING' })
  })

  test('may be back sooner, though it was not tried now: then that is the wait', async () => {
    const world = provider({
      a: failureOf('UPSTREAM_RATE_LIMITED', 5_000),
      b: failureOf('UPSTREAM_RATE_LIMITED', 90_000),
    })
    void world.keys
      .take({ model: 'm', task: 'chat' }, () => ({ caller: 'c', request: 'r' }))
      ?.end(failureOf('UPSTREAM_RATE_LIMITED', 5_000))
    await expect(world.policy(world.call)).rejects.toMatchObject({ facts: { retryAfter: 5_000 } })
    expect(world.asked).toEqual(['b'])
    await expect(world.policy(world.call)).rejects.toMatchObject({ facts: { retryAfter: 5_000 } })
    expect(world.asked).toEqual(['b'])
    expect(world.call.context.record.attempts).toMatchObject([
      { outcome: AttemptOutcome.SKIPPED, reason: 'UPSTREAM_RATE_LIMITED' },
    ])
  })
})

test('the safety lock does not fall while there is a key left that was not tried', async () => {
  const world = provider({ a: failureOf('UPSTREAM_RATE_LIMITED', 5_000), b: undefined })
  const spares = [{ provider: 'p', target: targetOf('house') }]
  const locks = new SafetyLocks({ clock: world.clock, spares })
  const late = { ...world.call.context, deadline: world.clock.now() + 199 }
  const locked = safetyLock(locks)<RoutedCall, ChatEvent>(world.policy)
  await expect(locked({ ...world.call, context: late })).rejects.toMatchObject({ reason: 'UPSTREAM_RATE_LIMITED' })
  expect(locks.states()).toMatchObject([{ locked: false, diverted: 0 }])
})
