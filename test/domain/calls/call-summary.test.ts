import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import type { AttemptRecord } from '../../../src/domain/calls/call-record.ts'
import { type EndingCall, summarize } from '../../../src/domain/calls/call-summary.ts'
import { createCall } from '../../../src/domain/calls/facts.ts'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import {
  AttemptOutcome,
  ChatRequestSchema,
  FinishEventSchema,
  FinishReason,
  UsageSchema,
} from '../../../src/domain/types.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { testContext } from '../../support/test-gateway.ts'

/** A streamed chat that arrived now. */
function chatCall() {
  const clock = new FakeClock()
  const context = testContext(clock, { requestId: 'req-1', peer: '10.0.0.9:1' })
  context.record.caller = 'web'
  const request = create(ChatRequestSchema, { model: 'wanted', userId: 'u', sessionId: 's', labels: { team: 'a' } })
  const call = createCall('stream_chat', request, context)
  const ending: EndingCall = { call, traceId: 'trace', finish: undefined, firstEventAt: undefined, waited: 0 }
  return { clock, record: context.record, ending }
}

function failed(attempt: AttemptRecord): void {
  attempt.end(AttemptOutcome.FAILED, 'UPSTREAM_TIMEOUT', attempt.startedAt + 10)
}

test('a stream that a fallback answered', async () => {
  const { clock, record, ending } = chatCall()
  const arrivedAt = clock.now()
  failed(record.begin('one', 'small'))
  const attempt = record.begin('two', 'large', true)
  await clock.advance(500)
  record.succeed(attempt)
  const usage = create(UsageSchema, { input: 3, output: 4 })
  const finish = create(FinishEventSchema, { finishReason: FinishReason.STOP, usage, cost: { usd: 0.25 } })
  const summary = summarize({ ...ending, finish, firstEventAt: arrivedAt + 120, waited: 100 }, clock.now(), undefined)
  expect(summary).toEqual({
    requestId: 'req-1',
    traceId: 'trace',
    operation: 'stream_chat',
    caller: 'web',
    peer: '10.0.0.9:1',
    userId: 'u',
    sessionId: 's',
    labels: { team: 'a' },
    provider: 'two',
    model: 'large',
    cached: false,
    replayed: false,
    fallbackUsed: true,
    error: undefined,
    finishReason: FinishReason.STOP,
    usage,
    costUsd: 0.25,
    attempts: record.attempts,
    latency: 500,
    timeToFirstToken: 120,
    overhead: 20,
  })
})

test('a refused call names the model that was asked for, and no provider', () => {
  const { clock, ending } = chatCall()
  const error = new GatewayError('UNAUTHENTICATED', 'Who?')
  const summary = summarize(ending, clock.now(), error)
  expect(summary).toMatchObject({ provider: '', model: 'wanted', cached: false, fallbackUsed: false, error })
  expect(summary.usage).toBeUndefined()
  expect(summary.attempts).toEqual([])
})

test('a cached response is of the provider that once answered, whatever was asked since', () => {
  const { clock, record, ending } = chatCall()
  failed(record.begin('one', 'small'))
  const finish = create(FinishEventSchema, { route: { provider: 'two', model: 'large', cached: true } })
  const summary = summarize({ ...ending, finish }, clock.now(), undefined)
  expect(summary).toMatchObject({ provider: 'two', model: 'large', cached: true })
})

test('a broken stream has the usage that was reported before, and overhead is never negative', () => {
  const { clock, record, ending } = chatCall()
  const attempt = record.begin('one', 'small')
  attempt.usage = create(UsageSchema, { input: 7 })
  failed(attempt)
  const summary = summarize({ ...ending, waited: 1_000 }, clock.now(), new GatewayError('UPSTREAM_TIMEOUT', 'Slow.'))
  expect(summary).toMatchObject({ usage: { input: 7 }, overhead: 0, finishReason: undefined, costUsd: undefined })
})
