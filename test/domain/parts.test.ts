import { expect, test } from 'vitest'
import { countValues, MAX_PARTS } from '../../src/domain/parts.ts'

test.each<[string, number]>([
  ['1', 1],
  ['{"a":[1,2,{"b":null}]}', 8],
  ['"a,[{:\\",\\\\"', 1],
  ['{"a,":"[', 3],
])('the values and keys of %s are %i', (text, count) => {
  expect(countValues(Buffer.from(text))).toBe(count)
})

test('counting ends where there are too many', () => {
  expect(countValues(Buffer.alloc(1e6, '['))).toBe(MAX_PARTS + 1)
})
