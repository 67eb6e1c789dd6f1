import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/domain/errors/error.ts'
import { AttemptOutcome } from '../../src/domain/types.ts'
import { type Arrival, RequestContext } from '../../src/server/context.ts'
import { FakeClock } from '../support/fake-clock.ts'

function contextWith(clock: FakeClock, some: Partial<Arrival>, reports: GatewayError[] = []): RequestContext {
  const arrival: Arrival = {
    requestId: 'call-1',
    credential: 'Bearer key',
    peer: '192.0.2.1:4711',
    timeout: undefined,
    maxDuration: 600_000,
    requestBytes: () => new Uint8Array(),
    header: (name) => (name === 'traceparent' ? '00-ab-cd-01' : undefined),
    ...some,
  }
  return new RequestContext(clock, arrival, (error) => reports.push(error))
}

describe('the deadline of a call', () => {
  it.each([
    [1000, 980],
    [100, 95],
    [10_000, 9980],
  ])('of %i ms ends it after %i ms, so that its status still arrives', async (timeout, end) => {
    const clock = new FakeClock()
    const context = contextWith(clock, { timeout })
    await clock.advance(end - 1)
    expect(context.cancellation.reason).toBeUndefined()
    await clock.advance(1)
    expect(context.cancellation.reason).toMatchObject({ reason: 'DEADLINE_EXCEEDED' })
    expect(context.deadline).toBe(context.record.arrivedAt + timeout)
  })

  it.each([undefined, 3_600_000])('is the longest duration when %s is given', async (timeout) => {
    const clock = new FakeClock()
    const context = contextWith(clock, { timeout, maxDuration: 600_000 })
    expect(context.deadline).toBe(context.record.arrivedAt + 600_000)
    await clock.advance(599_980)
    expect(context.cancellation.reason).toMatchObject({
      reason: 'GATEWAY_MAX_DURATION',
      message: 'No call may take longer than 600 s. That time passed before any provider was asked.',
    })
  })

  it('does not exist for a stream that watches', () => {
    const clock = new FakeClock()
    expect(contextWith(clock, { maxDuration: Number.POSITIVE_INFINITY }).deadline).toBe(Number.POSITIVE_INFINITY)
    expect(clock.waiting).toBe(0)
  })

  it.each([0, -1_702_967_296])('of %i ms has passed before the call begins', (timeout) => {
    const clock = new FakeClock()
    expect(contextWith(clock, { timeout }).cancellation.reason).toMatchObject({
      reason: 'DEADLINE_EXCEEDED',
      message: 'The deadline of 0 ms passed before any provider was asked.',
    })
    expect(clock.waiting).toBe(0)
  })

  it('leaves no timer when the call is over before it', () => {
    const clock = new FakeClock()
    const context = contextWith(clock, { timeout: 1000 })
    expect(clock.waiting).toBe(1)
    context.close()
    expect(clock.waiting).toBe(0)
  })

  it.each<[string, (context: RequestContext) => void]>([
    ['while waiting for openai/gpt', ({ record }) => record.begin('openai', 'gpt')],
    [
      'after openai/gpt had been tried',
      ({ record }) => record.fail(record.begin('openai', 'gpt'), AttemptOutcome.FAILED, 'UPSTREAM_ERROR'),
    ],
    [
      'while openai/gpt was answering',
      ({ record }) => {
        const attempt = record.begin('openai', 'gpt')
        record.succeed(attempt)
        record.streamed = true
        attempt.committed = true
      },
    ],
  ])('says that it passed %s', async (when, happen) => {
    const clock = new FakeClock()
    const context = contextWith(clock, { timeout: 1000 })
    happen(context)
    await clock.advance(1000)
    expect(context.cancellation.reason?.message).toBe(`The deadline of 1000 ms passed ${when}.`)
  })
})

describe('cancelling a call', () => {
  it('survives a member that throws, and reports it', () => {
    const reports: GatewayError[] = []
    const context = contextWith(new FakeClock(), {}, reports)
    const bug = new TypeError('bug')
    context.cancellation.add({
      cancel() {
        throw bug
      },
    })
    context.cancel(new GatewayError('CANCELLED', 'The client disconnected.'))
    expect(reports).toMatchObject([{ reason: 'INTERNAL', cause: bug }])
  })
})

describe('what a call knows of its arrival', () => {
  it('is what the door read', () => {
    const context = contextWith(new FakeClock(), {})
    expect(context).toMatchObject({ requestId: 'call-1', credential: 'Bearer key', peer: '192.0.2.1:4711' })
    expect([context.header('traceparent'), context.header('x-other')]).toEqual(['00-ab-cd-01', undefined])
  })
})
