import { describe, expect, test } from 'vitest'
import { ModelFilter } from '../../../src/domain/text/model-filter.ts'

test.each([
  ['openai/gpt-4o', true],
  ['openai/gpt-4o-mini', true],
  ['openai/o1', false],
  ['groq/llama-3', true],
  ['azure/gpt-4o', false],
  ['anywhere/qwen3', true],
  ['anywhere/ai/gemma3-qat', true],
  ['anywhere/qwen35', false],
])('%s: %s', (address, allowed) => {
  const filter = new ModelFilter(['openai/gpt-4o*', 'groq/*', 'qwen?', 'ai/*-qat'])
  const slash = address.indexOf('/')
  expect(filter.allowsModel(address.slice(0, slash), address.slice(slash + 1))).toBe(allowed)
})

test('aliases go by their names', () => {
  const filter = new ModelFilter(['fast', 'team-*'])
  expect(['fast', 'faster', 'team-a', 'default'].map((name) => filter.allowsAlias(name))).toEqual([
    true,
    false,
    true,
    false,
  ])
})

test('a star is for everything', () => {
  expect(new ModelFilter(['*']).allowsModel('a', 'b/c')).toBe(true)
  expect(new ModelFilter(['*']).allowsAlias('')).toBe(true)
  expect(new ModelFilter([]).allowsAlias('a')).toBe(false)
})

test('many stars do not make it try every way to place them, which would not end', () => {
  expect(new ModelFilter([`${'*a'.repeat(100)}b`]).allowsAlias('a'.repeat(5_000))).toBe(false)
})

describe('the name of an alias', () => {
  const aliases = new Set(['default', 'fast'])

  test.each([
    [['default'], false],
    [['defaul?'], false],
    [['def*'], false],
    [['dear/default'], true],
    [['dear/*'], true],
    [['*'], true],
  ])('with %j, whether a model of that name is allowed: %s', (patterns, allowed) => {
    expect(new ModelFilter(patterns, aliases).allowsModel('dear', 'default')).toBe(allowed)
  })

  test('allows the alias itself, and other models go by their patterns', () => {
    const filter = new ModelFilter(['default', 'gpt-*'], aliases)
    expect(filter.allowsAlias('default')).toBe(true)
    expect(filter.allowsModel('dear', 'gpt-4o')).toBe(true)
  })
})

test.each([
  [['cheap/*'], 'cheap', ['m'], false, true],
  [['che*/x'], 'cheap', ['m'], false, true],
  [['gpt-*'], 'cheap', ['gpt-4o'], false, true],
  [['gpt-*'], 'cheap', ['m'], false, false],
  [['gpt-*'], 'cheap', [], true, true],
  [['other/*'], 'cheap', [], true, false],
])(
  'with %j something of %s, which has %j, is allowed (others: %s): %s',
  (patterns, provider, models, others, allowed) => {
    expect(new ModelFilter(patterns).allowsSomeOf(provider, models, others)).toBe(allowed)
  },
)
