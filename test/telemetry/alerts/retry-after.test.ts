import { expect, test } from 'vitest'
import { retryAfterOf } from '../../../src/telemetry/alerts/receivers/retry-after.ts'

const NOW = Date.UTC(2026, 10, 29)

test.each([
  ['30', 30_000],
  ['1.5', 1_500],
  ['0', 0],
  ['Sun, 29 Nov 2026 00:01:00 GMT', 60_000],
  ['Sat, 28 Nov 2026 00:00:00 GMT', 0],
  ['999999999', 86_400_000],
  ['soon', undefined],
  ['', undefined],
])('Retry-After "%s" is %s ms', (header, ms) => {
  expect(retryAfterOf(header, NOW)).toBe(ms)
})
