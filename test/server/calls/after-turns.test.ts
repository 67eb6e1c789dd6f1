import { expect, it } from 'vitest'
import { afterTurns } from '../../../src/server/calls/after-turns.ts'
import { FakeClock } from '../../support/fake-clock.ts'

it('acts once, when the time is over', async () => {
  const clock = new FakeClock()
  let acts = 0
  afterTurns(clock, 100, () => acts++)
  await clock.advance(99)
  expect(acts).toBe(0)
  await clock.advance(1)
  expect(acts).toBe(1)
  await clock.advance(1_000)
  expect(acts).toBe(1)
})

it('an event loop that was held up has several turns before it', async () => {
  const clock = new FakeClock()
  let acts = 0
  afterTurns(clock, 100, () => acts++)
  clock.pass(10_000)
  await clock.advance(0)
  expect(acts).toBe(0)
  await clock.advance(90)
  expect(acts).toBe(1)
})

it('is cancelled in whatever turn it is', async () => {
  const clock = new FakeClock()
  let acts = 0
  const cancel = afterTurns(clock, 100, () => acts++)
  await clock.advance(50)
  cancel()
  await clock.advance(1_000)
  expect(acts).toBe(0)
  expect(clock.waiting).toBe(0)
})
