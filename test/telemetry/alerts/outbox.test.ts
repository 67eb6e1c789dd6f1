import { expect, test } from 'vitest'
import type { Alert } from '../../../src/telemetry/alerts/alert.ts'
import { MAX_WAITING, Outbox } from '../../../src/telemetry/alerts/delivery/outbox.ts'
import { TestReceiver } from '../../support/alert-world.ts'
import { FakeClock } from '../../support/fake-clock.ts'

function alertNamed(id: string): Alert {
  return { id, event: 'breaker_open', severity: 'warning', time: 0, subject: id, summary: id, data: {} }
}

function outbox(receiver = new TestReceiver()) {
  const clock = new FakeClock()
  const outcomes: string[] = []
  const box = new Outbox(receiver, {
    clock,
    random: () => 1,
    onOutcome: (_receiver, { notice }, outcome) => void outcomes.push(`${notice.alert.id} ${outcome}`),
  })
  const add = (id: string, resolvedAt?: number) =>
    box.add({ notice: { alert: alertNamed(id), ...(resolvedAt !== undefined && { resolvedAt }) }, claim: id })
  /** When the receiver was asked, in ms since the start. */
  const times: number[] = []
  const start = clock.now()
  const answering = (answer: TestReceiver['answer']) => {
    receiver.answer = async () => {
      times.push(Math.round(clock.now() - start))
      return typeof answer === 'function' ? answer() : answer
    }
  }
  return { box, add, receiver, clock, outcomes, times, answering }
}

test('alerts are sent one at a time, in their order', async () => {
  const { add, receiver, clock, outcomes, answering } = outbox()
  const replies: (() => void)[] = []
  answering(() => new Promise((resolve) => replies.push(() => resolve({ ok: true, message: '' }))))
  for (const id of ['a', 'b', 'c']) add(id)
  await clock.advance(0)
  expect(receiver.texts).toEqual(['breaker_open a'])
  replies[0]?.()
  await clock.advance(0)
  expect(receiver.texts).toEqual(['breaker_open a', 'breaker_open b'])
  expect(outcomes).toEqual(['a sent'])
})

test('a receiver that fails is left alone for 1 s, 5 s, 30 s, 2 min and then 10 min, and gets the alert in the end', async () => {
  const { add, clock, outcomes, times, answering, receiver } = outbox()
  answering({ ok: false, message: 'HTTP 500' })
  add('a')
  add('b')
  await clock.advance(2_000_000)
  expect(times).toEqual([0, 1_000, 6_000, 36_000, 156_000, 756_000, 1_356_000, 1_956_000])
  expect(outcomes.every((outcome) => outcome === 'a failed')).toBe(true)
  receiver.answer = { ok: true, message: '' }
  await clock.advance(600_000)
  expect(outcomes.slice(-2)).toEqual(['a sent', 'b sent'])
})

test('a success ends the row of failures', async () => {
  const { add, clock, times, answering } = outbox()
  let tries = 0
  answering(async () => ({ ok: ++tries === 3, message: '' }))
  add('a')
  await clock.advance(6_000)
  add('b')
  await clock.advance(1_000)
  expect(times).toEqual([0, 1_000, 6_000, 6_000, 7_000])
})

test('Retry-After makes a wait longer, never shorter', async () => {
  const { add, clock, times, answering } = outbox()
  const waits = [90_000, 10]
  answering(async () => ({ ok: false, message: 'HTTP 429', retryAfter: waits[times.length - 1] ?? 0 }))
  add('a')
  await clock.advance(96_000)
  expect(times).toEqual([0, 90_000, 95_000])
})

test('an alert that is refused steps aside for the others, and is tried again after 10 minutes', async () => {
  const { add, clock, outcomes, receiver, answering } = outbox()
  answering(async () => {
    const refused = receiver.notices.at(-1)?.alert.id === 'a'
    return refused ? { ok: false, refused, message: 'HTTP 400' } : { ok: true, message: '' }
  })
  add('a')
  add('b')
  await clock.advance(599_000)
  expect(outcomes).toEqual(['a failed', 'b sent'])
  await clock.advance(1_000)
  expect(outcomes).toEqual(['a failed', 'b sent', 'a failed'])
})

test('that an alert is over is never sent before the alert', async () => {
  const { add, clock, outcomes, receiver, answering } = outbox()
  answering(async () => (clock.now() < 500_000 ? { ok: false, refused: true, message: '' } : { ok: true, message: '' }))
  add('a')
  await clock.advance(0)
  add('a', 1)
  await clock.advance(590_000)
  expect(outcomes).toEqual(['a failed'])
  await clock.advance(20_000)
  expect(receiver.texts).toEqual(['breaker_open a', 'breaker_open a', 'breaker_open a over'])
})

test('an alert is given up after a day', async () => {
  const { add, clock, outcomes, answering, box } = outbox()
  answering({ ok: false, message: 'HTTP 500' })
  add('a')
  await clock.advance(25 * 3_600_000)
  expect(outcomes.at(-1)).toBe('a dropped')
  expect(box.size).toBe(0)
  expect(clock.waiting).toBe(0)
})

test('a thousand alerts wait, and no more', async () => {
  const { add, clock, answering, box } = outbox()
  answering({ ok: false, message: '' })
  for (let index = 0; index < MAX_WAITING; index++) expect(add(`alert ${index}`)).toBe(true)
  expect(add('one more')).toBe(false)
  await clock.advance(0)
  expect(box.claims()).toHaveLength(MAX_WAITING)
})

test('at the end what waits is tried once more, for as long as there is time', async () => {
  const { add, clock, outcomes, answering, box } = outbox()
  answering({ ok: false, message: '' })
  add('a')
  add('b')
  await clock.advance(10)
  answering({ ok: true, message: '' })
  await box.close(2_000)
  expect(outcomes).toEqual(['a failed', 'a sent', 'b sent'])

  const hanging = outbox()
  hanging.answering(() => new Promise(() => {}))
  hanging.add('a')
  const closed = hanging.box.close(2_000)
  await hanging.clock.advance(2_000)
  await closed
  expect(hanging.add('b')).toBe(false)
  expect(hanging.clock.waiting).toBe(0)
})
