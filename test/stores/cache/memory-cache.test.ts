import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CacheAddress, CachedEntry } from '../../../src/domain/ports/cache.ts'
import { matchesGlob } from '../../../src/domain/text/glob.ts'
import { MemoryCache } from '../../../src/stores/cache/memory-cache.ts'
import { FakeClock } from '../../support/fake-clock.ts'

const at = (id: string, label = '/m', owner = 'ada'): CacheAddress => ({ id, owner, label, holder: owner })
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
    expect(await cache.clear({ by: 'pattern', pattern: '*/gpt-*', owners: ['ada'] })).toBe(2)
    expect(cache.get(at('b'))).toBeDefined()
    fill()
    expect(await cache.clear({ by: 'id', id: 'b' })).toBe(1)
    expect(await cache.clear({ by: 'id', id: 'b' })).toBe(0)
    expect(await cache.clear({ by: 'all' })).toBe(3)
    expect(cache.size().bytes).toBe(0)
  })
})

describe('a cache that several callers share', () => {
  const of = (holder: string, id: string) => ({ ...at(`${holder}-${id}`), holder })

  test('leaves the answers of the others where they are, however many one caller stores', () => {
    const { cache } = cacheOf({ maxEntries: 100 })
    const others = [1, 2, 3].map((number) => of('bob', `${number}`))
    for (const address of others) cache.set(address, kept(), 100)
    for (let index = 0; index < 500; index++) cache.set(of('ada', `${index}`), kept(), 100)
    expect(others.map((address) => cache.get(address) !== undefined)).toEqual([true, true, true])
    expect(cache.size()).toMatchObject({ entries: 100, evictions: 403 })
    expect(cache.get(of('ada', '499'))).toBeDefined()
  })

  test('leaves them their bytes, too', () => {
    const { cache } = cacheOf({ maxEntries: 1_000, maxBytes: 20_000 })
    cache.set(of('bob', 'small'), kept(500), 100)
    for (let index = 0; index < 50; index++) cache.set(of('ada', `${index}`), kept(5_000), 100)
    expect(cache.get(of('bob', 'small'))).toBeDefined()
    expect(cache.size().bytes).toBeLessThanOrEqual(20_000)
  })

  test('gives room to callers that come later', () => {
    const { cache } = cacheOf({ maxEntries: 10 })
    for (let index = 0; index < 10; index++) cache.set(of('ada', `${index}`), kept(), 100)
    for (let index = 0; index < 5; index++) cache.set(of('bob', `${index}`), kept(), 100)
    const found = ['ada', 'bob'].map(
      (holder) => Array.from({ length: 10 }, (_, index) => cache.get(of(holder, `${index}`))).filter(Boolean).length,
    )
    expect(found).toEqual([5, 5])
  })

  test('keeps an answer that another caller stores again in that caller’s share', () => {
    const { cache } = cacheOf({ maxEntries: 10 })
    const address = at('shared', 'faq/m', '')
    cache.set({ ...address, holder: 'ada' }, kept(), 100)
    cache.set({ ...address, holder: 'bob' }, kept(), 100)
    expect(cache.size().entries).toBe(1)
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
