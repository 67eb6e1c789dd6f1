import { expect, test } from 'vitest'
import { tryRequests } from '../support/request-bytes.ts'

test('random and damaged requests of every type: the check, the decoder and the cache key agree', () => {
  const { accepted, refused } = tryRequests(200_000, 20_261_128)
  expect(accepted).toBeGreaterThan(50_000)
  expect(refused).toBeGreaterThan(50_000)
}, 600_000)
