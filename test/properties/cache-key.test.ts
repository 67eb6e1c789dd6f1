import { expect, test } from 'vitest'
import { checkKeyAgainstFields } from '../policies/cache/key-against-fields.ts'

test('the cache key changes with every field that can change the answer, and with no other', () => {
  expect(checkKeyAgainstFields(100_000)).toBeGreaterThan(50_000)
})
