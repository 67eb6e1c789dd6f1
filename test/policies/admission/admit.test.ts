import { expect, test } from 'vitest'
import type { Target } from '../../../src/domain/calls/facts.ts'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import type { KeyPool } from '../../../src/domain/ports/keys.ts'
import { AttemptOutcome, type ChatEvent } from '../../../src/domain/types.ts'
import { admitToProvider } from '../../../src/policies/admission/admit.ts'
import { ConcurrencyGate } from '../../../src/policies/admission/concurrency-gate.ts'
import { FakeClock, settle } from '../../support/fake-clock.ts'
import { type RoutedCall, routedCall, targetOf } from '../../support/routed-call.ts'
import { openStream } from '../../support/streams.ts'

/** A provider with one place, which is taken. */
async function fullProvider() {
  const clock = new FakeClock()
  const gate = new ConcurrencyGate({ clock, limit: 1, queue: 5 })
  const letIn: RoutedCall[] = []
  const admit = admitToProvider(
    { providers: new Map([['p', gate]]) },
    clock,
  )<RoutedCall, ChatEvent>(async (call) => {
    letIn.push(call)
    return openStream()
  })
  const taken = gate.tryEnter()
  const [p, q] = [targetOf('p'), targetOf('q')]
  /** Calls; the reason that it was refused for follows. */
  const call = (made: RoutedCall) => {
    const outcome: { reason?: string; at?: number } = {}
    admit(made).catch((error: GatewayError) => Object.assign(outcome, { reason: error.reason, at: clock.now() }))
    return outcome
  }
  return { clock, gate, taken, letIn, p, q, call }
}

/** A call whose time in the queue is summed. */
function timedCall(clock: FakeClock, target: Target) {
  const call = routedCall(clock, [target])
  const waits: number[] = []
  const telemetry = { ...call.telemetry, queued: (ms: number) => void waits.push(ms) }
  return { made: { ...call, telemetry }, queued: () => waits.reduce((sum, ms) => sum + ms, 0) }
}

test('with another target left a call waits for half of its time, else for nearly all of it', async () => {
  const { clock, p, q, call } = await fullProvider()
  const start = clock.now()
  const { made, queued } = timedCall(clock, p)
  const [first, only] = [call(routedCall(clock, [p, q])), call(made)]
  await clock.advance(60_000)
  expect(queued()).toBe(59_800)
  expect(first).toEqual({ reason: 'CONCURRENCY_LIMITED', at: start + 30_000 })
  expect(only).toEqual({ reason: 'CONCURRENCY_LIMITED', at: start + 59_800 })
})

test('a stream waits no longer than its first event may take', async () => {
  const { clock, p, call } = await fullProvider()
  const made = routedCall(clock, [p])
  const outcome = call({ ...made, firstEventBy: clock.now() + 5_000 })
  await clock.advance(5_000)
  expect(outcome.reason).toBe('CONCURRENCY_LIMITED')
})

test('a call that is cancelled as its turn comes is not made, and its place is free', async () => {
  const { clock, gate, taken, letIn, p, call } = await fullProvider()
  const made = routedCall(clock, [p])
  const outcome = call(made)
  await settle()
  taken?.end()
  made.context.cancellation.cancel(new GatewayError('CANCELLED', 'gone'))
  await settle()
  expect(outcome.reason).toBe('CANCELLED')
  expect(letIn).toEqual([])
  expect(gate).toMatchObject({ active: 0, waiting: 0 })
})

test('a call whose target has no key left does not wait for its turn', async () => {
  const { clock, gate, call } = await fullProvider()
  const refusal = () => new GatewayError('UPSTREAM_RATE_LIMITED', 'no', { fallback: true })
  const keys = { wait: () => 5_000, refusal } as unknown as KeyPool // all that is asked of it here
  const made = routedCall(clock, [targetOf('p', { keys })])
  const outcome = call(made)
  await settle()
  expect(outcome.reason).toBe('UPSTREAM_RATE_LIMITED')
  expect(made.context.record.attempts).toMatchObject([{ outcome: AttemptOutcome.SKIPPED }])
  expect(gate).toMatchObject({ active: 1, waiting: 0, refused: 0 })
})

test('a provider without a bound lets everybody in', async () => {
  const { clock, letIn, q, call } = await fullProvider()
  for (let made = 0; made < 20; made++) call(routedCall(clock, [q]))
  await settle()
  expect(letIn).toHaveLength(20)
})
