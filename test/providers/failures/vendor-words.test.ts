import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { vendorWords } from '../../../src/providers/failures/vendor-words.ts'

describe("a vendor's message", () => {
  it.each([
    ['stays as it is', 'The model `gpt-9` does not exist.', 'The model `gpt-9` does not exist.'],
    [
      'keeps names of models and ids',
      'claude-sonnet-4-5-20250929: 2f1b7c1e-9d0a-4c52-8a31-0c4d5e6f7a8b',
      'claude-sonnet-4-5-20250929: 2f1b7c1e-9d0a-4c52-8a31-0c4d5e6f7a8b',
    ],
    ['is one line', ' Too\n many\ttokens.\u0007 ', 'Too many tokens.'],
    ['has no key', 'Incorrect API key provided: sk-proj-abcdef123456.', 'Incorrect API key provided: ***'],
    ['has no masked key', 'Incorrect API key provided: abcd********wxyz.', 'Incorrect API key provided: ***'],
    ['has no key of plain letters and digits', 'Key 0123456789abcdef0123456789abcdef is blocked', 'Key *** is blocked'],
    ['has no token', 'Bearer eyJhbGciOi.eyJzdWIi.c2ln expired', '*** expired'],
    ["has no key of the provider's", 'No such key: canary-key-of-ours!', 'No such key: ***'],
    ["has no part of a key of the provider's", 'No such key: canary-k...', 'No such key: ***'],
    ['has no short key', 'No such key: "k-1"', 'No such key: "***"'],
  ])('%s', (_, message, expected) => {
    expect(vendorWords(message, ['canary-key-of-ours', 'k-1'])).toBe(expected)
  })

  it('has at most 300 characters', () => {
    const words = vendorWords('word '.repeat(100), [])
    expect(words).toHaveLength(300)
    expect(words.endsWith('...')).toBe(true)
  })
})

test('no part of a key of 8 characters gets into the words, wherever it stands', () => {
  const key = fc.stringMatching(/^[a-z0-9-]{12,40}$/)
  fc.assert(
    fc.property(fc.lorem({ maxCount: 60 }), key, fc.lorem({ maxCount: 60 }), (before, secret, after) => {
      const words = vendorWords(`${before} "${secret}", ${after}`, [secret])
      for (let at = 0; at + 8 <= secret.length; at++) expect(words).not.toContain(secret.slice(at, at + 8))
    }),
  )
})
