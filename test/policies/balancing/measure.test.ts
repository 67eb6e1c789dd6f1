import { expect, test } from 'vitest'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import { startEvent, textEvent } from '../../../src/domain/streams/events.ts'
import type { ChatEvent } from '../../../src/domain/types.ts'
import { Latencies } from '../../../src/policies/balancing/latencies.ts'
import { measure } from '../../../src/policies/balancing/measure.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { type RoutedCall, routedCall, targetOf } from '../../support/routed-call.ts'
import { openStream } from '../../support/streams.ts'

function measured() {
  const clock = new FakeClock()
  const latencies = new Latencies(clock)
  const target = targetOf('p', {}, { choice: { strategy: 'least_latency' } })
  const stream = openStream()
  let failure: GatewayError | undefined
  const policy = measure(
    latencies,
    clock,
  )<RoutedCall, ChatEvent>(async () => {
    await clock.advance(300)
    if (failure) throw failure
    stream.push(startEvent('id', undefined))
    await clock.advance(200)
    return stream
  })
  return {
    clock,
    stream,
    ask: (of = target) => policy(routedCall(clock, [of])),
    failWith: (error: GatewayError) => {
      failure = error
    },
    expected: () => latencies.expected(target, 'stream_chat'),
  }
}

test('a stream is measured to its first token, once', async () => {
  const { ask, stream, expected, clock } = measured()
  await ask()
  expect(expected()).toBe(Number.POSITIVE_INFINITY)
  stream.push(textEvent('one', ''))
  expect(expected()).toBe(500)
  await clock.advance(30_000)
  stream.push(textEvent('two', ''))
  stream.end()
  expect(expected()).toBe(250)
})

test('a failure of the provider counts as very slow', async () => {
  const { ask, failWith, expected } = measured()
  failWith(new GatewayError('UPSTREAM_ERROR', 'no'))
  await expect(ask()).rejects.toThrow()
  expect(expected()).toBe(10_300)
})

test("a caller's own fault says nothing of the target", async () => {
  const { ask, failWith, expected } = measured()
  failWith(new GatewayError('UPSTREAM_INVALID_REQUEST', 'no'))
  await expect(ask()).rejects.toThrow()
  expect(expected()).toBe(0)
})

test('targets that are not chosen by latency are not measured', async () => {
  const { ask, stream, expected } = measured()
  await ask(targetOf('p'))
  stream.push(textEvent('one', ''))
  expect(expected()).toBe(0)
})
