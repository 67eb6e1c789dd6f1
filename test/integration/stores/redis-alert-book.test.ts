import type { Redis } from 'ioredis'
import { afterEach, beforeEach, expect } from 'vitest'
import { systemClock } from '../../../src/domain/clock.ts'
import { RedisAlertBook } from '../../../src/stores/alerts/redis-alert-book.ts'
import { readRedisUrl } from '../../../src/stores/redis/redis-address.ts'
import { connectRedis, type RedisStore } from '../../../src/stores/redis/redis-store.ts'
import { eventually } from '../../support/eventually.ts'
import { type RedisServer, startRedis } from '../../support/redis.ts'
import { test } from '../../support/redis-test.ts'

let server: RedisServer
let redis: Redis
let stores: RedisStore[]

async function book() {
  const address = readRedisUrl(server.url)
  if (!address) throw new Error('a URL of ours')
  const store = await connectRedis({ address, timeout: 20_000, clock: systemClock })
  stores.push(store)
  return new RedisAlertBook(store, systemClock)
}

const alertOf = (key: string, term = 3_600_000) => ({
  key,
  id: `alert_${key}`,
  body: JSON.stringify({ receiver: 'slack', alert: { summary: '80 % of “büdget”' } }),
  expiresAt: Date.now() + term,
})

beforeEach(async () => {
  stores = []
  server = await startRedis()
  redis = await server.client()
})

afterEach(async () => {
  for (const store of stores) store.close()
  await server.close()
})

test('of a hundred claims by three gateways one is the first', async () => {
  const books = await Promise.all([book(), book(), book()])
  const alert = alertOf('a')
  const claims = Array.from({ length: 100 }, (_, index) => books[index % 3]?.claimAlert(alert))
  expect((await Promise.all(claims)).filter((first) => first)).toHaveLength(1)
})

test('a pending alert is taken whole, by one gateway, and a sent one is not', async () => {
  const [first, second] = [await book(), await book()]
  const [pending, sent] = [alertOf('pending'), alertOf('sent')]
  await first.claimAlert(pending)
  await first.claimAlert(sent)
  await first.markAlertSent('sent')
  // Older than nothing: whatever was claimed in an earlier millisecond.
  const taken = await eventuallyTaken(second)
  expect(taken).toEqual([pending])
  expect(await first.takePendingAlerts(60_000)).toEqual([])
  await second.markAlertSent('pending')
  expect(await first.takePendingAlerts(-1_000)).toEqual([])
  expect(await first.claimAlert(pending)).toBe(false)
})

test('an alert that is kept is not taken', async () => {
  const [first, second] = [await book(), await book()]
  await first.claimAlert(alertOf('a'))
  await redis.zadd('llm-gateway:alerts', 1, 'a')
  await first.keepAlerts(['a', 'unknown'])
  expect(await second.takePendingAlerts(600_000)).toEqual([])
  expect(await redis.zcard('llm-gateway:alerts')).toBe(1)
})

test('a claim ends with its time, can last longer, and can be freed', async () => {
  const first = await book()
  await first.claimAlert(alertOf('a', 1_000_000))
  expect(await redis.pttl('llm-gateway:alert:a')).toBeGreaterThan(900_000)
  await first.expireAlert('a', Date.now() + 5_000_000)
  expect(await redis.pttl('llm-gateway:alert:a')).toBeGreaterThan(4_000_000)
  await first.expireAlert('a', Date.now())
  expect(await redis.exists('llm-gateway:alert:a', 'llm-gateway:alerts')).toBe(0)
  expect(await first.claimAlert(alertOf('a', 1))).toBe(true)
  await eventually(async () => (await redis.exists('llm-gateway:alert:a')) === 0)
  // What has expired while it was pending is forgotten.
  expect(await first.takePendingAlerts(-1_000)).toEqual([])
  expect(await redis.zcard('llm-gateway:alerts')).toBe(0)
})

test('what is not its own is ignored', async () => {
  const first = await book()
  await redis.set('llm-gateway:alert:x', 'none of ours')
  await redis.zadd('llm-gateway:alerts', 1, 'x')
  expect(await first.takePendingAlerts(0)).toEqual([])
})

test('without Redis everything rejects', async () => {
  const first = await book()
  await server.kill()
  await eventually(() => stores[0]?.available === false)
  await expect(first.claimAlert(alertOf('a'))).rejects.toThrow()
  await expect(first.takePendingAlerts(0)).rejects.toThrow()
  await expect(first.markAlertSent('a')).rejects.toThrow()
})

async function eventuallyTaken(book: RedisAlertBook) {
  let taken: Awaited<ReturnType<RedisAlertBook['takePendingAlerts']>> = []
  await eventually(async () => {
    taken = await book.takePendingAlerts(0)
    return taken.length > 0
  })
  return taken
}
