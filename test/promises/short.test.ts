import { describe, expect, test } from 'vitest'
import { cancellation } from './cancellation.ts'
import { drain } from './drain.ts'
import { outage } from './outage.ts'

/*
 * The short form of what `npm run promises` measures, as far as it counts something: milliseconds depend on what else
 * the machine does.
 */
describe('what is promised, in short', () => {
  test('a drain fails no call', { timeout: 300_000 }, async () => {
    const counts = (await drain.measure(true)).filter(({ promise }) => !promise.includes('exits within'))
    expect(counts).toHaveLength(3)
    expect(counts.filter(({ holds }) => !holds)).toEqual([])
  })

  test('a target that is down is not asked more often than calls were meant for it', { timeout: 300_000 }, async () => {
    const hits = (await outage.measure(true)).filter(({ promise }) => promise.includes('hits on the'))
    expect(hits).toHaveLength(2)
    expect(hits.filter(({ holds }) => !holds)).toEqual([])
  })

  test('an upstream is closed after each caller that leaves', { timeout: 300_000 }, async () => {
    const figures = await cancellation.measure(true)
    expect(figures).toHaveLength(6)
    for (const { measured } of figures) expect(measured).toContain('of 20')
  })
})
