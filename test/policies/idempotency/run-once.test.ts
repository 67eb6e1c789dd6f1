import { expect, test } from 'vitest'
import type { CallContext } from '../../../src/domain/calls/call.ts'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import type { IdempotencyStore, KeyState } from '../../../src/domain/ports/idempotency.ts'
import type { EventStream } from '../../../src/domain/streams/event-stream.ts'
import type { ChatEvent } from '../../../src/domain/types.ts'
import { runOnce } from '../../../src/policies/idempotency/run-once.ts'
import { FakeClock, settle } from '../../support/fake-clock.ts'
import { type RoutedCall, routedCall } from '../../support/routed-call.ts'

/* Calls with one key while the store is asked for it. */

const clock = new FakeClock()
const cancelled = () => new GatewayError('CANCELLED', 'The client disconnected.')

function callWithKey(): RoutedCall {
  const call = routedCall(clock)
  return { ...call, context: { ...call.context, idempotencyKey: 'a' } }
}

/** A store that answers when the test says so. */
function slowStore() {
  let free = () => {}
  const claimed = new Promise<KeyState>((resolve) => {
    free = () => resolve({ state: 'free' })
  })
  const released: string[] = []
  const store: IdempotencyStore = {
    claim: () => claimed,
    keep: () => true,
    release: ({ callId }) => void released.push(callId),
  }
  return { store, free, released }
}

/** A vendor that has not answered yet, and ends when the call is cancelled. */
function silentVendor() {
  const asked: CallContext[] = []
  const ask = ({ context }: RoutedCall) => {
    asked.push(context)
    return new Promise<EventStream<ChatEvent>>((_, reject) => context.cancellation.add({ cancel: reject }))
  }
  return { asked, ask }
}

test('a repeat that is cancelled while the key is claimed does not keep the call alive', async () => {
  const { store, free, released } = slowStore()
  const { asked, ask } = silentVendor()
  const answer = runOnce<ChatEvent>(store, clock)(ask)
  const [first, repeat] = [callWithKey(), callWithKey()]
  const answers = Promise.allSettled([answer(first), answer(repeat)])
  repeat.context.cancellation.cancel(cancelled())
  free()
  await settle()
  expect(asked).toHaveLength(1)
  first.context.cancellation.cancel(cancelled())
  await settle()
  expect(asked[0]?.cancellation.reason?.reason).toBe('CANCELLED')
  expect(released).toEqual(['id'])
  expect((await answers).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
})
