import { expect, test } from 'vitest'
import { requestIds } from '../../src/rpc/request-ids.ts'

test('no two ids are the same, and none has less than 128 bits', () => {
  const next = requestIds()
  const ids = Array.from({ length: 2000 }, next)
  expect(new Set(ids).size).toBe(ids.length)
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/)
})

test('two makers share nothing', () => {
  expect(requestIds()()).not.toBe(requestIds()())
})
