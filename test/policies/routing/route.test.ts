import { expect, test } from 'vitest'
import { GatewayError } from '../../../src/domain/error.ts'
import type { Handler } from '../../../src/domain/follow.ts'
import type { ChatEvent } from '../../../src/domain/types.ts'
import { route } from '../../../src/policies/routing/route.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { type RoutedCall, routedCall, targetOf } from '../../support/routed-call.ts'
import { openStream } from '../../support/streams.ts'

test.each([
  ['goes on to the next target', false, ['one', 'two'], 'answered'],
  ['of a gateway that is about to end goes on to no other', true, ['one'], 'UPSTREAM_ERROR'],
])('a call whose first target fails %s', async (_, ending, targets, outcome) => {
  const clock = new FakeClock()
  const asked: string[] = []
  const next: Handler<RoutedCall, ChatEvent> = async ({ target, context }) => {
    asked.push(target.provider.name)
    if (target.provider.name === 'one') throw new GatewayError('UPSTREAM_ERROR', 'no', { fallback: true })
    return openStream(context.cancellation)
  }
  const call = routedCall(clock, [targetOf('one'), targetOf('two')])
  const answer = route(clock, () => ending)<RoutedCall, ChatEvent>(next)(call)
  const ended = answer.then(
    () => 'answered',
    (error: GatewayError) => error.reason,
  )
  expect(await ended).toBe(outcome)
  expect(asked).toEqual(targets)
})
