import { describe, expect, test } from 'vitest'
import { isClearAboutKey } from '../../../src/domain/errors/blame.ts'
import { codeSigns, sentenceSigns, statusSigns, wordSigns } from '../../../src/providers/failures/common-signs.ts'
import { isSentence, withoutQuoted } from '../../../src/providers/failures/sentence.ts'
import { blameFor, type Sign } from '../../../src/providers/failures/sign.ts'
import { kinds } from '../../../src/providers/index.ts'
import { countSteps } from '../../support/regex-steps.ts'

const all: readonly Sign[] = [
  ...kinds.flatMap(({ failures = [] }) => failures),
  ...codeSigns,
  ...sentenceSigns,
  ...wordSigns,
  ...statusSigns,
]
const patterns = all.flatMap((sign) => ('words' in sign ? [sign.words] : 'code' in sign ? [sign.code] : []))

describe('a pattern', () => {
  test.each(patterns.map((pattern) => [pattern.source, pattern] as const))(
    'has no unbounded repeat: %s',
    (_, { source }) => {
      expect(source.replaceAll(/\\./g, '')).not.toMatch(/[*+]|\{\d+,\}/)
    },
  )

  test.each(patterns.map((pattern) => [pattern.source, pattern] as const))(
    'takes twice the steps for twice the text: %s',
    (_, pattern) => {
      const words = pattern.source.match(/[a-z_']{3,}/gi) ?? []
      const hostile = [...new Set(words), words.join(' '), 'a', ' ', '1', '_', '-', 'limit 1, requested ', 'a.b ']
      for (const piece of hostile) {
        const steps = [1_024, 2_048, 4_096].map((length) =>
          countSteps(pattern, `${piece} `.repeat(length / (piece.length + 1)).slice(0, length)),
        )
        const [one = 0, two = 0, four = 0] = steps
        // A pattern that is found at once takes the same few steps always.
        expect(two, `${piece}: ${steps}`).toBeLessThanOrEqual(2.2 * one + 100)
        expect(four, `${piece}: ${steps}`).toBeLessThanOrEqual(2.2 * two + 100)
      }
    },
  )

  test('would be caught by the count if it were not linear', () => {
    const adjacent = /a{0,64}a{0,64}b/
    const text = 'a'.repeat(16)
    expect(countSteps(adjacent, text + text)).toBeGreaterThan(4 * countSteps(adjacent, text))
  })
})

test('words in a message are never clear evidence about a key, unless the status is', () => {
  for (const sign of all) {
    if (!('words' in sign)) continue
    for (const status of [400, 402, 403, 404, 413, 422, 500]) {
      expect(isClearAboutKey(blameFor(sign, { status, error: undefined })), sign.words.source).toBe(false)
    }
    expect(blameFor(sign, { status: 429, error: undefined })).not.toBe('key')
  }
})

test('what a router passes on is no evidence about its key or itself', () => {
  for (const sign of all) {
    const blame = blameFor(sign, { status: 401, error: { relayed: true } })
    expect(isClearAboutKey(blame)).toBe(false)
    expect(blame).not.toBe('target')
  }
})

test('every table of sentences has its source and date', () => {
  for (const sign of all) if ('sentences' in sign) expect(sign.source).toMatch(/20\d\d-\d\d$/)
})

describe('a sentence', () => {
  const sentence = 'The model {} does not exist or you do not have access to {}.'

  test.each([
    ['The model `gpt-x` does not exist or you do not have access to it.', true],
    ['THE MODEL gpt-x does not exist or you do not have access to it.', true],
    ['The model gpt x does not exist or you do not have access to it.', false],
    ['The model  does not exist or you do not have access to it.', false],
    ['Error: The model gpt-x does not exist or you do not have access to it.', false],
    ['The model gpt-x does not exist or you do not have access to it. Really.', false],
    ['', false],
  ])('is the whole message, with a word in each gap: %s', (message, expected) => {
    expect(isSentence(sentence, message)).toBe(expected)
  })

  test('without a gap is compared as it is', () => {
    expect(isSentence('Model Not Exist', ' model not exist ')).toBe(true)
    expect(isSentence('Model Not Exist', 'Model Not Exist!')).toBe(false)
  })
})

describe('what stands in quotes is left out', () => {
  test.each([
    [`Invalid 'invalid api key' here`, 'Invalid  here'],
    ['Invalid "a \' b" here', 'Invalid  here'],
    ['a `credit balance` b', 'a  b'],
    ["This model's context isn't large", "This model's context isn't large"],
    ['never closed "invalid api key', 'never closed '],
    ["'it's quoted' after", ' after'],
  ])('%s', (message, expected) => {
    expect(withoutQuoted(message)).toBe(expected)
  })

  test('and what comes after 512 characters', () => {
    expect(withoutQuoted('a'.repeat(2_000))).toHaveLength(512)
  })
})
