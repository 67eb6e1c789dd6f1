import { expect, it } from 'vitest'
import { KeptSummaries } from '../../../../src/policies/conversations/summaries/kept-summaries.ts'

it('keeps summaries for each caller', () => {
  const kept = new KeptSummaries()
  kept.set('a', 'key', 'of a')
  kept.set('b', 'key', 'of b')
  kept.set('a', 'key', 'of a, again')
  expect([kept.get('a', 'key'), kept.get('b', 'key'), kept.get('c', 'key')]).toEqual(['of a, again', 'of b', undefined])
  expect([kept.has('a', 'key'), kept.has('a', 'other'), kept.size]).toEqual([true, false, 2])
})

it('gives up those that the caller with most has not used for the longest time', () => {
  const kept = new KeptSummaries(3)
  kept.set('b', '0', 'of b')
  for (const key of ['1', '2']) kept.set('a', key, key)
  kept.get('a', '1')
  kept.set('a', '3', '3')
  expect(['1', '2', '3'].filter((key) => kept.has('a', key))).toEqual(['1', '3'])
  expect([kept.has('b', '0'), kept.size]).toEqual([true, 3])
})

it('keeps no summary that is too long', () => {
  const kept = new KeptSummaries()
  kept.set('a', 'key', 'x'.repeat(8_001))
  expect(kept.has('a', 'key')).toBe(false)
})
