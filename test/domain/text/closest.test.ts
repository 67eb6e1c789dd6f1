import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { closest, didYouMean } from '../../../src/domain/text/closest.ts'

describe('closest', () => {
  test.each([
    ['opnai', ['openai', 'ollama'], ['openai']],
    ['gorq', ['groq', 'gemini'], ['groq']],
    ['GPT4o', ['gpt-4o-mini', 'o1', 'gpt-4o'], ['gpt-4o', 'gpt-4o-mini']],
    ['openai/gpt-4o-mni', ['openai/gpt-4o-mini', 'openai/gpt-4o'], ['openai/gpt-4o-mini', 'openai/gpt-4o']],
    ['claude', ['claude-sonnet-4', 'gpt-4o'], ['claude-sonnet-4']],
    ['x', ['y', 'openai'], []],
    ['', ['a', 'openai'], []],
    ['zzzzzz', ['openai'], []],
  ])('%j among %j means %j', (name, candidates, expected) => {
    expect(closest(name, candidates)).toEqual(expected)
  })

  test('tells each candidate once, no more than asked for, equals by name', () => {
    expect(closest('model', ['model-2', 'model-1', 'model-1', 'model-3'], 2)).toEqual(['model-1', 'model-2'])
  })

  test('takes any name, however long', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), fc.array(fc.string()), (name, candidates) => {
        for (const near of closest(name, candidates)) expect(candidates).toContain(near)
      }),
    )
    expect(closest('a'.repeat(1_000_000), ['a'.repeat(64)])).toEqual(['a'.repeat(64)])
  })

  test('finds a name with one letter wrong', () => {
    const name = fc.stringMatching(/^[a-z]{4,20}$/)
    fc.assert(
      fc.property(name, fc.nat(), (right, at) => {
        const position = at % right.length
        const wrong = `${right.slice(0, position)}7${right.slice(position + 1)}`
        expect(closest(wrong, [right])).toEqual([right])
      }),
    )
  })
})

test('the question at the end of an error names what is near, or is not asked', () => {
  expect(didYouMean('opena', ['openai', 'azure'])).toBe(' Did you mean "openai"?')
  expect(didYouMean('model', ['model-1', 'model-2', 'model-3'])).toBe(
    ' Did you mean "model-1", "model-2" or "model-3"?',
  )
  expect(didYouMean('zzzzzz', ['openai'])).toBe('')
})
