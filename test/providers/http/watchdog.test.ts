import { expect, it } from 'vitest'
import { Watchdog } from '../../../src/providers/http/watchdog.ts'
import { FakeClock } from '../../support/fake-clock.ts'

const LIMIT = 1_000

function watched() {
  const clock = new FakeClock()
  const call = { by: clock.now() + LIMIT, expired: 0, limit: () => call.by, expire: () => void call.expired++ }
  return { clock, call, watchdog: new Watchdog(clock, call) }
}

it('a deadline that is missed ends the attempt at once', async () => {
  const { clock, call } = watched()
  await clock.advance(LIMIT - 1)
  expect(call.expired).toBe(0)
  await clock.advance(1)
  expect(call.expired).toBe(1)
})

it('what arrived while the event loop was held up is read before the deadline counts as missed', async () => {
  const { clock, call } = watched()
  clock.pass(5 * LIMIT)
  await clock.advance(0)
  expect(call.expired).toBe(0)
  call.by = clock.now() + LIMIT
  await clock.advance(LIMIT - 1)
  expect(call.expired).toBe(0)
  await clock.advance(1)
  expect(call.expired).toBe(1)
})

it('an event loop that is held up again and again postpones no deadline', async () => {
  const { clock, call } = watched()
  clock.pass(5 * LIMIT)
  await clock.advance(0)
  clock.pass(LIMIT)
  await clock.advance(0)
  expect(call.expired).toBe(1)
  expect(clock.waiting).toBe(0)
})

it('an attempt that has ended is watched no longer, in the turn after a late timer, too', async () => {
  const { clock, call, watchdog } = watched()
  clock.pass(5 * LIMIT)
  await clock.advance(0)
  watchdog.stop()
  await clock.advance(LIMIT)
  expect(call.expired).toBe(0)
})
