import { expect, test } from 'vitest'
import type { ErrorRate } from '../../../src/domain/ports/operations/error-rate.ts'
import { ErrorRates } from '../../../src/telemetry/alerts/error-rates.ts'
import { FakeClock } from '../../support/fake-clock.ts'

const HOUR = 3_600_000
const settings = { ratio: 0.05, window: 24 * HOUR, minCalls: 100 }

function rates() {
  const clock = new FakeClock()
  const changes: ErrorRate[] = []
  const errorRates = new ErrorRates(clock, settings, { errorRateChanged: (rate) => void changes.push(rate) })
  const record = (succeeded: number, failed: number, provider = 'one') => {
    for (let call = 0; call < succeeded; call++) errorRates.record(provider, true)
    for (let call = 0; call < failed; call++) errorRates.record(provider, false)
  }
  return { clock, changes, record, errorRates }
}

test('five failures in a hundred attempts are reported, once', () => {
  const { changes, record } = rates()
  record(95, 4)
  expect(changes).toEqual([])
  record(0, 1)
  record(0, 50)
  expect(changes).toEqual([{ provider: 'one', exceeded: true, attempts: 100, errors: 5, window: settings.window }])
})

test('fewer attempts than needed say nothing, and each provider counts alone', () => {
  const { changes, record } = rates()
  record(0, 99)
  record(0, 99, 'two')
  expect(changes).toEqual([])
})

test('successes end it', () => {
  const { changes, record } = rates()
  record(95, 5)
  record(1, 0)
  expect(changes.map(({ exceeded, attempts }) => [exceeded, attempts])).toEqual([
    [true, 100],
    [false, 101],
  ])
})

test('failures leave the window without any further call, and leave no timer', async () => {
  const { clock, changes, record } = rates()
  record(0, 100)
  await clock.advance(23 * HOUR)
  expect(changes.map(({ exceeded }) => exceeded)).toEqual([true])
  await clock.advance(2 * HOUR)
  expect(changes.map(({ exceeded }) => exceeded)).toEqual([true, false])
  expect(clock.waiting).toBe(0)
})

test('attempts that are spread over the window count together, and older ones do not', async () => {
  const { clock, changes, record } = rates()
  for (let hour = 0; hour < 100; hour++) {
    record(5, 0)
    await clock.advance(HOUR)
  }
  record(0, 5)
  expect(changes).toEqual([])
  record(0, 5)
  // A day has 115 to 120 of the 500 successes.
  expect(changes).toHaveLength(1)
  expect([6, 7]).toContain(changes[0]?.errors)
})
