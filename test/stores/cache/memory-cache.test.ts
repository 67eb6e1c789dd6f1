import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CacheAddress, CachedEntry } from '../../../src/domain/ports/cache.ts'
import { matchesGlob } from '../../../src/domain/text/glob.ts'
import { MemoryCache } from '../../../src/stores/cache/memory-cache.ts'
import { FakeClock } from '../../support/fake-clock.ts'

const at = (id: string, label = '/m', owner = 'ada'): CacheAddress => ({ id, owner, label })
const kept = (bytes = 1000): CachedEntry => ({ answer: { kind: 'chat', events: [] }, storedAt: 0, bytes })

function cacheOf(options: { maxEntries?: number; maxBytes?: number; maxTtl?: number } = {}) {
  const clock = new FakeClock()
  return { clock, cache: new MemoryCache({ clock, maxEntries: 3, maxBytes: 1 << 20, ...options }) }
}

describe('a cache in memory', () => {
  test('keeps an answer for its time', async () => {
    const { clock, cache } = cacheOf()
    cache.set(at('a'), kept(), 100)
    expect(cache.get(at('a'))).toBeDefined()
    await clock.advance(101)
    expect(cache.get(at('a'))).toBeUndefined()
    expect(cache.size().entries).toBe(0)
  })

  test('keeps nothing for longer than it may', async () => {
    const { clock, cache } = cacheOf({ maxTtl: 50 })
    cache.set(at('a'), kept(), 100)
    await clock.advance(51)
    expect(cache.get(at('a'))).toBeUndefined()
  })

  test('makes room by what was not used for longest, and counts it', () => {
    const { cache } = cacheOf()
    for (const id of ['a', 'b', 'c']) cache.set(at(id), kept(), 100)
    cache.get(at('a'))
    cache.set(at('d'), kept(), 100)
    expect(['a', 'b', 'c', 'd'].filter((id) => cache.get(at(id)))).toEqual(['a', 'c', 'd'])
    expect(cache.size()).toMatchObject({ entries: 3, evictions: 1 })
  })

  test('never holds more bytes than it may, nor an answer larger than that', () => {
    const { cache } = cacheOf({ maxEntries: 1000, maxBytes: 10_000 })
    cache.set(at('huge'), kept(20_000), 100)
    expect(cache.get(at('huge'))).toBeUndefined()
    for (let index = 0; index < 100; index++) {
      cache.set(at(`${index}`), kept(700), 100)
      expect(cache.size().bytes).toBeLessThanOrEqual(10_000)
    }
    expect(cache.size().entries).toBe(9)
  })

  test('forgets all, one, or those that match, of one caller and of nobody', async () => {
    const { cache } = cacheOf({ maxEntries: 10 })
    const fill = () => {
      cache.set(at('a', '/gpt-4o', 'ada'), kept(), 100)
      cache.set(at('b', '/gpt-4o', 'bob'), kept(), 100)
      cache.set(at('c', 'faq/gpt-4o', ''), kept(), 100)
      cache.set(at('d', '/other', 'ada'), kept(), 100)
    }
    fill()
    expect(await cache.clear({ by: 'pattern', pattern: '*/gpt-*', owner: 'ada' })).toBe(2)
    expect(cache.get(at('b'))).toBeDefined()
    fill()
    expect(await cache.clear({ by: 'id', id: 'b' })).toBe(1)
    expect(await cache.clear({ by: 'id', id: 'b' })).toBe(0)
    expect(await cache.clear({ by: 'all' })).toBe(3)
    expect(cache.size().bytes).toBe(0)
  })
})

describe('a pattern', () => {
  test.each([
    ['*', '', true],
    ['*', 'any/thing', true],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['/gpt-*', '/gpt-4o', true],
    ['/gpt-*', 'faq/gpt-4o', false],
    ['*/gpt-4.', 'faq/gpt-4x', false],
    ['*a*b*c', 'xxaxxbxxc', true],
    ['*a*b*c', 'xxaxxbxxcx', false],
    ['[a]', 'a', false],
    ['', '', true],
    ['', 'a', false],
  ])('%j and %j', (pattern, text, matches) => {
    expect(matchesGlob(pattern, text)).toBe(matches)
  })

  test('means what the expression means, for any pattern', () => {
    const few = (letters: string) => fc.string({ unit: fc.constantFrom(...letters), maxLength: 8 })
    fc.assert(
      fc.property(few('ab*?/'), few('ab/'), (pattern, text) => {
        const source = pattern.replaceAll('*', '.*').replaceAll('?', '.')
        expect(matchesGlob(pattern, text)).toBe(new RegExp(`^${source}$`, 's').test(text))
      }),
      { numRuns: 5_000 },
    )
  })

  test('that is made to take long does not', () => {
    // With backtracking this would not end.
    expect(matchesGlob(`${'*a'.repeat(127)}b`, 'a'.repeat(5_000))).toBe(false)
  })
})
