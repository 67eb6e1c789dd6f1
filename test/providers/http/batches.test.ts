import fc from 'fast-check'
import { expect, it } from 'vitest'
import { batchesOf } from '../../../src/providers/http/batches.ts'

it.each([
  [1_000, 2_000, { inputs: 2048, tokens: 300_000 }],
  [100, 1_000, { inputs: 512, tokens: 16_384 }],
  [3_000, 1, { inputs: 2048, tokens: 300_000 }],
])('%i inputs of %i characters fit the limits of %j with a margin', (count, length, limits) => {
  const inputs = Array<string>(count).fill('a'.repeat(length))
  const batches = batchesOf(inputs, limits)
  expect(batches.flat()).toEqual(inputs)
  expect(batches.length).toBeGreaterThan(1)
  for (const batch of batches) {
    expect(batch.length).toBeLessThanOrEqual(limits.inputs)
    // What the vendor counts: four characters of English make a token.
    expect((batch.length * length) / 4).toBeLessThanOrEqual(limits.tokens * 0.8)
  }
})

it('an input that is too large alone is a batch by itself: only the vendor knows whether it fits', () => {
  expect(batchesOf(['a', 'b'.repeat(100), 'c'], { inputs: 10, tokens: 10 })).toEqual([['a'], ['b'.repeat(100)], ['c']])
})

it('batches hold all inputs in their order, and none is empty', () => {
  const limits = fc.record({
    inputs: fc.integer({ min: 1, max: 5 }),
    tokens: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
  })
  fc.assert(
    fc.property(fc.array(fc.string()), limits, (inputs, limit) => {
      const batches = batchesOf(inputs, limit)
      expect(batches.flat()).toEqual(inputs)
      for (const batch of batches) {
        expect(batch.length).toBeGreaterThan(0)
        expect(batch.length).toBeLessThanOrEqual(limit.inputs)
      }
    }),
  )
})
