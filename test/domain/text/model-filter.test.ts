import { expect, test } from 'vitest'
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
