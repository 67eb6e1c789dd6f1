import { describe, expect, it, test } from 'vitest'
import { ContextOverflow } from '../../src/domain/types.ts'
import { configOf, problemsOf } from './kinds.ts'

const env = { ACME_API_KEY: 'acme-key' }
const file = (models: string) => ({ env, file: `providers: { acme: }\nmodels: { ${models} }` })
const alias = (name: string, more = '') => `${name}: { targets: [acme/x], ${more} }`

test.each([
  ['error', ContextOverflow.ERROR],
  ['drop_oldest', ContextOverflow.DROP_OLDEST],
])('an alias may handle long conversations by %s', (written, overflow) => {
  const { models } = configOf(file(alias('a', `context_overflow: ${written}`)))
  expect(models).toMatchObject([{ name: 'a', conversation: { overflow } }])
})

it('an alias may have its conversations summarized by another one, and trim them', () => {
  const { models } = configOf(
    file(`${alias('a', 'context_overflow: summarize, summarize_with: b, trim: true')}, ${alias('b')}`),
  )
  expect(models[0]?.conversation).toEqual({ overflow: ContextOverflow.SUMMARIZE, summarizeWith: 'b', trim: true })
  expect(models[1]?.conversation).toBeUndefined()
})

describe('a summarizer', () => {
  test.each([
    [
      'that is no alias',
      [alias('a', 'summarize_with: brif'), alias('brief')],
      ['models.a.summarize_with: "brif" is not an alias; it must be one under models. Did you mean "brief"?'],
    ],
    [
      'that is a target',
      [alias('a', 'summarize_with: acme/x')],
      ['models.a.summarize_with: "acme/x" is not an alias; it must be one under models'],
    ],
    ['that is the alias itself', [alias('a', 'summarize_with: a')], ['models.a.summarize_with: must be another alias']],
    [
      'whose summarizer leads back to it',
      [
        alias('a', 'summarize_with: b'),
        alias('b', 'summarize_with: c'),
        alias('c', 'summarize_with: a'),
        alias('d', 'summarize_with: a'),
      ],
      [
        'models.a.summarize_with: makes a circle: a > b > c > a',
        'models.b.summarize_with: makes a circle: b > c > a > b',
        'models.c.summarize_with: makes a circle: c > a > b > c',
      ],
    ],
    [
      'that is missing',
      [alias('a', 'context_overflow: summarize')],
      ['models.a.context_overflow: needs summarize_with, the alias that summarizes'],
    ],
  ])('%s is a problem', (_, aliases, problems) => {
    expect(problemsOf(file(aliases.join(', ')))).toEqual(problems)
  })
})

it('another word is a problem', () => {
  expect(problemsOf(file(alias('a', 'context_overflow: drop')))).toEqual([
    expect.stringMatching(/^models\.a\.context_overflow: must be /),
  ])
})
