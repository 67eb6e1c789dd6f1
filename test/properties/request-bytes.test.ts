import { expect, test } from 'vitest'
import { tryRequests } from '../support/request-bytes.ts'
import { tryJsonRequests } from '../support/request-json.ts'

test('random and damaged requests of every type: the check, the decoder and the cache key agree', () => {
  const { accepted, refused } = tryRequests(200_000, 20_261_128)
  expect(accepted).toBeGreaterThan(50_000)
  expect(refused).toBeGreaterThan(50_000)
}, 600_000)

test('random and damaged JSON of every request: the check counts what the parser makes', () => {
  const { accepted, refused } = tryJsonRequests(30_000, 20_261_129)
  expect(accepted).toBeGreaterThan(500)
  expect(refused).toBeGreaterThan(2_000)
}, 600_000)
