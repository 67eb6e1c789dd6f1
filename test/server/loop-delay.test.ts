import { expect, it } from 'vitest'
import { LoopDelay } from '../../src/server/loop-delay.ts'
import { BlockedClock } from '../support/blocked-clock.ts'
import { FakeClock } from '../support/fake-clock.ts'

it('the delay of a loop that keeps up is none, and one that does not is noticed before the timer fires', async () => {
  const clock = new FakeClock()
  const delay = new LoopDelay(clock)
  await clock.advance(1000)
  expect(delay.current).toBe(0)
  delay.stop()
  await clock.advance(320)
  expect(delay.current).toBe(75)
  expect(clock.waiting).toBe(0)
})

/** A clock whose timers fire late by so many ms. */
class LateClock extends FakeClock {
  late = 0

  override after(ms: number, act: () => void): () => void {
    return super.after(ms + this.late, act)
  }
}

it('a loop that goes on being late soon counts as late as it is, and one late turn as a part of it', async () => {
  const clock = new LateClock()
  const delay = new LoopDelay(clock)
  await clock.advance(1000)
  clock.late = 300
  await clock.advance(20 + 320)
  expect(delay.current).toBeCloseTo(75)
  await clock.advance(7 * 320)
  expect(delay.current).toBeGreaterThan(250)
  delay.stop()
})

it('a loop that was blocked is late, until it has gone round again', async () => {
  const clock = new BlockedClock()
  const delay = new LoopDelay(clock)
  clock.blockedFor = 1_200
  expect(delay.current).toBeGreaterThan(200)
  await clock.advance(20)
  expect(delay.current).toBeGreaterThan(200)
  await clock.advance(10 * 20)
  expect(delay.current).toBeLessThan(50)
  delay.stop()
})
