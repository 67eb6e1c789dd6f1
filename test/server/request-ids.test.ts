import { expect, test } from 'vitest'
import { requestIds } from '../../src/server/calls/request-ids.ts'

test('each is a UUID of version 4, and no two are the same', () => {
  const next = requestIds()
  const ids = Array.from({ length: 2000 }, next)
  expect(new Set(ids).size).toBe(ids.length)
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})

test('every digit that is not given by the version is random', () => {
  const next = requestIds()
  const ids = Array.from({ length: 2000 }, next)
  for (let place = 0; place < 36; place++) {
    const seen = new Set(ids.map((id) => id[place]))
    expect(seen.size, `place ${place}`).toBe([8, 13, 18, 23, 14].includes(place) ? 1 : place === 19 ? 4 : 16)
  }
})

test('two makers share nothing', () => {
  expect(requestIds()()).not.toBe(requestIds()())
})
