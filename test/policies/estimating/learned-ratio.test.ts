import { expect, it } from 'vitest'
import { LearnedRatio, UNKNOWN_RATIO } from '../../../src/policies/estimating/learned-ratio.ts'

function learned(...observed: readonly number[]): LearnedRatio {
  const ratio = new LearnedRatio()
  for (const each of observed) ratio.add(each)
  return ratio
}

it('is one of which nothing is known before it learns', () => {
  expect(learned()).toMatchObject({ mean: UNKNOWN_RATIO.mean, high: UNKNOWN_RATIO.high })
  expect(UNKNOWN_RATIO).toEqual({ mean: 1, high: 1.3 })
})

it('begins with the first observation and follows later ones', () => {
  expect(learned(1.2).mean).toBe(1.2)
  expect(learned(1.2, ...Array(50).fill(0.8)).mean).toBeCloseTo(0.8, 2)
})

it('is high by as much as observations vary', () => {
  const steady = learned(...Array(100).fill(1.1))
  const varying = learned(...Array(100).fill([0.9, 1.3]).flat())
  expect(steady.high).toBeCloseTo(1.1, 3)
  expect(varying.high - varying.mean).toBeGreaterThan(0.3)
  expect(varying.high).toBeGreaterThan(1.3)
})

it('cannot be taught to be far off', () => {
  expect(learned(...Array(100).fill(0)).mean).toBeCloseTo(0.7, 5)
  expect(learned(...Array(100).fill(1e9)).high).toBeCloseTo(2, 3)
})
