import { expect, test } from 'vitest'
import { limitConnectTimeout, limitGrpcTimeout } from '../../../src/server/calls/timeouts.ts'

test.each([
  ['2147483S', 2_147_483_000, '2147483S'],
  ['597H', 2_149_200_000, '596H'],
  ['99999999H', 359_999_996_400_000, '596H'],
  ['5S', 5_000, '5S'],
  ['250u', 0.25, '250u'],
  ['5', undefined, '5'],
  ['123456789S', undefined, '123456789S'],
])('grpc-timeout %s lasts %s ms and is passed on as %s, which a timer can keep', (sent, ms, kept) => {
  const headers = { 'grpc-timeout': sent }
  expect(limitGrpcTimeout(headers)).toBe(ms)
  expect(headers['grpc-timeout']).toBe(kept)
})

test.each([
  ['2147483647', '2147483647'],
  ['2147483648', '2147483647'],
])('connect-timeout-ms %s is passed on as %s', (sent, kept) => {
  const headers = { 'connect-timeout-ms': sent }
  limitConnectTimeout(headers)
  expect(headers['connect-timeout-ms']).toBe(kept)
})
