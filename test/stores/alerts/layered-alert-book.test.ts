import { expect, test } from 'vitest'
import { LayeredAlertBook } from '../../../src/stores/alerts/layered-alert-book.ts'
import { MemoryAlertBook } from '../../support/alert-world.ts'
import { FakeClock } from '../../support/fake-clock.ts'

const HOUR = 3_600_000

function books() {
  const clock = new FakeClock()
  const [redis, database] = [new MemoryAlertBook(clock), new MemoryAlertBook(clock)]
  const alert = { key: 'a', id: 'alert_a', body: '{}', expiresAt: clock.wall() + HOUR }
  return { clock, redis, database, both: new LayeredAlertBook(redis, database), alert }
}

test('an alert must be free in both', async () => {
  const { redis, database, both, alert } = books()
  expect(await both.claimAlert(alert)).toBe(true)
  expect(await both.claimAlert(alert)).toBe(false)
  expect([redis.pending.length, database.pending.length]).toEqual([1, 1])
  await both.markAlertSent('a')
  expect([redis.pending.length, database.pending.length]).toEqual([0, 0])
})

test('what the database has sent is not sent again after Redis was emptied', async () => {
  const { redis, database, both, alert } = books()
  await database.claimAlert(alert)
  await database.markAlertSent('a')
  expect(await both.claimAlert(alert)).toBe(false)
  expect(redis.pending).toEqual([])
})

test('either alone decides while the other cannot be used', async () => {
  const { redis, database, both, alert } = books()
  redis.available = false
  expect(await both.claimAlert(alert)).toBe(true)
  expect(await both.claimAlert(alert)).toBe(false)
  database.available = false
  redis.available = true
  expect(await both.claimAlert({ ...alert, key: 'b' })).toBe(true)
  redis.available = false
  await expect(both.claimAlert(alert)).rejects.toThrow()
  await expect(both.markAlertSent('b')).rejects.toThrow()
})

test('a pending alert is taken once, from Redis where that has it', async () => {
  const { clock, redis, database, both, alert } = books()
  await both.claimAlert(alert)
  await clock.advance(10_000)
  expect(await both.takePendingAlerts(8_000)).toEqual([alert])
  expect(database.pending).toEqual([alert])

  const lost = { ...alert, key: 'lost' }
  await database.claimAlert(lost)
  const sentByAnother = { ...alert, key: 'elsewhere' }
  await both.claimAlert(sentByAnother)
  await redis.markAlertSent('elsewhere')
  await clock.advance(10_000)
  redis.available = true
  expect(await both.takePendingAlerts(8_000)).toEqual([alert, lost])
  expect(database.pending.map(({ key }) => key)).toEqual(['a', 'lost'])
})

test('a claim that expires is free in both', async () => {
  const { clock, both, alert } = books()
  await both.claimAlert(alert)
  await both.markAlertSent('a')
  await both.expireAlert('a', clock.wall() + 2 * HOUR)
  await clock.advance(HOUR)
  expect(await both.claimAlert(alert)).toBe(false)
  await both.expireAlert('a', clock.wall())
  expect(await both.claimAlert(alert)).toBe(true)
  await both.keepAlerts(['a'])
})
