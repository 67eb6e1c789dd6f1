import { expect, test } from 'vitest'
import { GatewayError } from '../../src/domain/errors/error.ts'
import { BreakerState } from '../../src/domain/types.ts'
import { usage, world } from '../support/telemetry-world.ts'

const timeout = new GatewayError('UPSTREAM_TIMEOUT', 'The provider was too slow.')
const badRequest = new GatewayError('UPSTREAM_INVALID_REQUEST', 'The vendor refused the request.')
const answer = { target: 'one/small', firstEvent: 100, rest: 900, usage: usage(20, 50), usd: 0.5 }

test('before the first call everything is 0 and every provider is named', () => {
  const stats = world().stats()
  expect(stats).toMatchObject({ totalRequests: 0n, totalErrors: 0n, totalFallbacks: 0n, errorRate: 0, models: {} })
  expect(stats.providers['two']).toMatchObject({ requests: 0n, errorRate: 0, tokensPerSecond: 0, share: 0, costUsd: 0 })
  expect(stats.config).toMatchObject({ primaryProvider: 'one', fallbackProviders: ['two'], cacheEnabled: false })
  expect(stats.since).toMatchObject({ seconds: BigInt(Date.UTC(2026, 0, 1) / 1000 + 1), nanos: 0 })
})

test('a provider counts its attempts, tokens, cost, mean latency and pace', async () => {
  const { run, stats } = world()
  await run({ attempts: [answer] })
  await run({ attempts: [{ ...answer, rest: 2900 }] })
  const expected = {
    requests: 2n,
    errors: 0n,
    latency: { seconds: 2n, nanos: 0 },
    tokensPerSecond: 25,
    share: 1,
    inputTokens: 40n,
    outputTokens: 100n,
    costUsd: 1,
  }
  expect(stats().providers['one']).toMatchObject(expected)
  expect(stats().models['one/small']).toMatchObject(expected)
})

test('a fallback is one request, two attempts and one error of the provider that failed', async () => {
  const { run, stats } = world()
  await run({ attempts: [{ target: 'two/small', error: timeout }, answer] })
  expect(stats()).toMatchObject({ totalRequests: 1n, totalErrors: 0n, totalFallbacks: 1n })
  expect(stats().providers['two']).toMatchObject({ requests: 1n, errors: 1n, errorRate: 1, share: 0.5 })
  expect(stats().providers['one']).toMatchObject({ requests: 1n, errors: 0n, errorRate: 0, share: 0.5 })
})

test('a call that failed after a fallback is an error and no fallback', async () => {
  const { run, stats } = world()
  await run({
    attempts: [
      { target: 'one/small', error: timeout },
      { target: 'two/small', error: timeout },
    ],
  })
  expect(stats()).toMatchObject({ totalRequests: 1n, totalErrors: 1n, totalFallbacks: 0n, errorRate: 1 })
})

test("cancelled calls and the callers' own faults are no errors, passed-over targets no requests", async () => {
  const { run, stats } = world()
  await run({ cancelled: true, attempts: [answer] })
  await run({ attempts: [{ target: 'one/small', error: badRequest }] })
  await run({ refusal: new GatewayError('UNAUTHENTICATED', 'Who?') })
  await run({ attempts: [{ target: 'one/small', skipped: true }] })
  expect(stats()).toMatchObject({ totalRequests: 4n, totalErrors: 0n })
  expect(stats().providers['one']).toMatchObject({ requests: 2n, errors: 0n })
})

test('what a vendor reported before the caller left is counted once', async () => {
  const { run, stats } = world()
  await run({
    operation: 'stream_chat',
    cancelled: true,
    attempts: [{ target: 'two/small', error: timeout }, answer],
  })
  expect(stats().providers['one']).toMatchObject({ inputTokens: 20n, outputTokens: 50n, costUsd: 0 })
  expect(stats().providers['two']).toMatchObject({ inputTokens: 0n, outputTokens: 0n })
})

test('what a vendor reported before it failed is not charged to the next one', async () => {
  const { run, stats } = world()
  const cut = { target: 'one/small', error: timeout, usage: usage(9, 1) }
  await run({ operation: 'stream_chat', attempts: [cut, { target: 'two/small', error: timeout }] })
  expect(stats().providers['one']).toMatchObject({ inputTokens: 9n, outputTokens: 1n })
  expect(stats().providers['two']).toMatchObject({ inputTokens: 0n, outputTokens: 0n })
})

test('tokens that were not reported are not counted, nor their time', async () => {
  const { run, stats } = world()
  await run({ operation: 'embed', attempts: [{ target: 'one/small', firstEvent: 500, usage: usage(7, undefined) }] })
  await run({ attempts: [answer] })
  expect(stats().providers['one']).toMatchObject({ inputTokens: 27n, outputTokens: 50n, tokensPerSecond: 50 })
})

test('the last attempt tells how a provider is: an answer, with the time to its first token when streamed', async () => {
  const { run, telemetry, clock } = world()
  expect(telemetry.stats.lastAttempt('one')).toBeUndefined()
  await run({ operation: 'stream_chat', attempts: [answer] })
  const at = clock.now()
  expect(telemetry.stats.lastAttempt('one')).toEqual({ ok: true, at, latency: 100, reason: '', message: '' })
})

test('the last attempt tells how a provider is: a failure, with what to do', async () => {
  const { run, telemetry, clock } = world()
  await run({ attempts: [{ target: 'one/small', error: timeout, firstEvent: 30 }] })
  const { message } = timeout
  const expected = { ok: false, at: clock.now(), latency: 30, reason: 'UPSTREAM_TIMEOUT', message }
  expect(telemetry.stats.lastAttempt('one')).toEqual(expected)
})

test('the last attempt shows a key that is clearly refused', async () => {
  const { run, telemetry } = world()
  const blocked = new GatewayError('UPSTREAM_FORBIDDEN', 'The key has no access.', { blame: 'key' })
  await run({ attempts: [{ target: 'one/small', error: blocked }] })
  expect(telemetry.stats.lastAttempt('one')).toMatchObject({ ok: false, reason: 'UPSTREAM_FORBIDDEN' })
})

test.each([
  ['left', { cancelled: true, attempts: [{ ...answer, target: 'one/small' }] }],
  ['asked wrongly', { attempts: [{ target: 'one/small', error: badRequest }] }],
  [
    'asked for a model that is not there',
    { attempts: [{ target: 'one/nope', error: new GatewayError('UPSTREAM_MODEL_MISSING', 'No such model.') }] },
  ],
  [
    'may not use a file of somebody else',
    { attempts: [{ target: 'one/small', error: new GatewayError('UPSTREAM_FORBIDDEN', 'No access to the file.') }] },
  ],
  [
    'gave it too little time',
    {
      attempts: [
        {
          target: 'one/small',
          error: new GatewayError('UPSTREAM_TIMEOUT', 'Too slow.', { blame: 'request' as const }),
        },
      ],
    },
  ],
  ['could not be served by it', { attempts: [{ target: 'one/small', skipped: true }] }],
])('a caller who %s says nothing of a provider', async (_, scene) => {
  const { run, telemetry } = world()
  await run(scene)
  expect(telemetry.stats.lastAttempt('one')).toBeUndefined()
})

test('a breaker that is open stays so when the counts restart', async () => {
  const { run, stats, telemetry } = world({ breakers: { stateOf: () => BreakerState.OPEN } })
  await run({ attempts: [answer] })
  telemetry.stats.reset()
  expect(stats().providers['one']).toMatchObject({ requests: 0n, breaker: BreakerState.OPEN })
})
