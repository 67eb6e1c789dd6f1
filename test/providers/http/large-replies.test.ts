import { expect, test } from 'vitest'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import { ByteBudget } from '../../../src/domain/limits/byte-budget.ts'
import { noCredential } from '../../../src/providers/credentials/credential.ts'
import { WholeBody } from '../../../src/providers/http/body/body-reader.ts'
import { UpstreamCall } from '../../../src/providers/http/upstream-call.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { ScriptedUpstream } from '../../support/scripted-upstream.ts'

const MiB = 2 ** 20
const minute = 60_000
const timeouts = { connect: minute, firstToken: minute, idle: minute, total: minute }

const malformed = () => new GatewayError('UPSTREAM_MALFORMED', 'This is no JSON.')

/** Asks for a reply of 1 MiB pieces, and reports what became of it. */
function ask(clock: FakeClock, replies: ByteBudget, holder: string, pieces: number) {
  const sent = Array.from({ length: pieces }, (_, at) => ({
    send: at === 0 ? `1${' '.repeat(MiB - 1)}` : ' '.repeat(MiB),
  }))
  const steps = [...sent, 'end' as const].map((act) => ({ wait: 1, act }))
  const upstream = new ScriptedUpstream(clock, () => ({ status: 200, contentType: 'application/json', steps }))
  const outcome: { error?: GatewayError; isRead?: boolean } = {}
  const facts = { clock, replies, holder, provider: 'p', model: 'm', assumed: false, streamed: false, timeouts }
  const target = { method: 'POST', origin: 'http://vendor.test', path: '/', headers: {}, body: '{}' } as const
  const request = { ...target, credential: noCredential }
  const call = new UpstreamCall(
    { upstream, request, firstEventBy: minute, ...facts },
    {
      accept: () => new WholeBody(() => void Object.assign(outcome, { isRead: true }), malformed),
      refuse() {},
      fail: (error) => void Object.assign(outcome, { error }),
    },
  )
  call.send()
  return { outcome, upstream }
}

test('a reply of 32 MiB is read, a larger one is not', async () => {
  const clock = new FakeClock()
  const replies = new ByteBudget(Number.POSITIVE_INFINITY)
  const [fits, tooLarge] = [ask(clock, replies, 'a', 32), ask(clock, replies, 'a', 33)]
  await clock.advance(100)
  expect(fits.outcome).toEqual({ isRead: true })
  expect(tooLarge.outcome.error?.reason).toBe('UPSTREAM_LIMIT')
  expect(replies.held).toBe(0)
})

test('the largest reply of the holder of most, of equal ones the newest, is given up when all hold too much', async () => {
  const clock = new FakeClock()
  const replies = new ByteBudget(10 * MiB)
  const calls = [ask(clock, replies, 'greedy', 5), ask(clock, replies, 'greedy', 5), ask(clock, replies, 'other', 4)]
  await clock.advance(100)
  expect(calls.map(({ outcome }) => outcome.error?.reason ?? outcome.isRead)).toEqual([true, 'OVERLOADED', true])
  expect(calls.map(({ upstream }) => upstream.open)).toEqual([0, 0, 0])
  expect(replies.held).toBe(0)
})
