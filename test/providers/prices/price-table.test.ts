import { beforeAll, describe, expect, test } from 'vitest'
import type { Bill } from '../../../src/domain/money.ts'
import type { Usage } from '../../../src/domain/types.ts'
import {
  createPriceTable,
  loadPrices,
  type PriceList,
  type PriceTable,
} from '../../../src/providers/prices/price-table.ts'

let list: PriceList
let table: PriceTable
let wall = Date.UTC(2026, 9, 1, 12)
const clock = { now: () => 0, wall: () => wall, after: () => () => {} }

beforeAll(async () => {
  list = await loadPrices()
  table = createPriceTable({ clock, list })
})

function used(input: number | undefined, output: number | undefined, parts: Partial<Usage> = {}): Usage {
  return {
    $typeName: 'llmgateway.v1.Usage',
    ...(input !== undefined && { input }),
    ...(output !== undefined && { output }),
    ...parts,
    estimated: false,
  }
}

function bill(vendor: string, model: string, usage: Usage): Bill | undefined {
  return table.facts(vendor, false, vendor, model).price?.bill(usage)
}

describe('a bill', () => {
  test('is exact in nano-dollars', () => {
    // 0.15 USD for a million prompt tokens, 0.60 USD for a million generated ones
    expect(bill('openai', 'gpt-4o-mini', used(1, 1))).toEqual({ input: 150, output: 600 })
    expect(bill('openai', 'gpt-4o-mini', used(1_000_000, 3))).toEqual({ input: 150_000_000, output: 1800 })
  })

  test('charges tokens from the vendor’s cache at their own rate', () => {
    expect(bill('openai', 'gpt-4o-mini', used(1000, 0, { cachedInput: 400 }))).toEqual({ input: 120_000, output: 0 })
  })

  test('charges tokens written to the vendor’s cache at their own rate', () => {
    // 3 USD, read 0.30, written 3.75
    const usage = used(1000, 10, { cachedInput: 500, cacheWrite: 200 })
    expect(bill('anthropic', 'claude-sonnet-4-5', usage)).toEqual({
      input: 900_000 + 150_000 + 750_000,
      output: 150_000,
    })
  })

  test('charges reasoning as what was generated where it has no rate of its own', () => {
    expect(bill('openai', 'gpt-4o-mini', used(0, 100, { reasoning: 60 }))).toEqual({ input: 0, output: 60_000 })
  })

  test('charges a long call at the higher tier, all of it', () => {
    expect(bill('anthropic', 'claude-sonnet-4-5', used(200_000, 1))).toEqual({ input: 600_000_000, output: 15_000 })
    expect(bill('anthropic', 'claude-sonnet-4-5', used(200_001, 1))).toEqual({ input: 1_200_006_000, output: 22_500 })
  })

  test('charges for the call itself where the vendor does', () => {
    // sonar: 1 USD a million tokens, and up to 12 USD a thousand calls
    const one = bill('perplexity', 'sonar', used(0, 0))
    expect(one?.input).toBeGreaterThan(1_000_000)
  })

  test('needs no output of a model that charges none', () => {
    expect(bill('openai', 'text-embedding-3-small', used(1000, undefined))).toEqual({ input: 20_000, output: 0 })
  })

  test.each([
    ['input', used(undefined, 5)],
    ['output', used(5, undefined)],
  ])('is not guessed when the %s is not known', (_, usage) => {
    expect(bill('openai', 'gpt-4o-mini', usage)).toBeUndefined()
  })

  test('is never negative, whatever the vendor reports', () => {
    const usage = used(10, 10, { cachedInput: 50, cacheWrite: 50, reasoning: 50 })
    expect(bill('openai', 'gpt-4o-mini', usage)).toEqual({ input: 750, output: 6000 })
  })

  test('is what the list itself computes, for every model and size', () => {
    const sizes = [
      [1, 1, 0, 0],
      [5000, 700, 2000, 0],
      [5000, 700, 2000, 1000],
      [300_000, 9000, 100_000, 50_000],
    ] as const
    for (const vendor of ['openai', 'anthropic', 'google', 'groq', 'x-ai', 'azure', 'mistral', 'deepseek']) {
      for (const model of table.catalogue(vendor)) {
        for (const [input, output, cachedInput, cacheWrite] of sizes) {
          const usage = {
            input_tokens: input,
            output_tokens: output,
            cache_read_tokens: cachedInput,
            cache_write_tokens: cacheWrite,
          }
          const theirs = list.calcPrice(usage, model, { providerId: vendor, timestamp: new Date(wall) })
          const ours = bill(vendor, model, used(input, output, { cachedInput, cacheWrite }))
          const model_ = `${vendor}/${model} ${input}`
          expect([model_, ours?.input]).toEqual([model_, Math.round((theirs?.input_price ?? Number.NaN) * 1e9)])
          expect([model_, ours?.output]).toEqual([model_, Math.round((theirs?.output_price ?? Number.NaN) * 1e9)])
        }
      }
    }
  })

  test('follows a price that changes with the date', () => {
    const before = Date.UTC(2025, 5, 9, 23, 59)
    wall = before
    expect(bill('openai', 'o3', used(1000, 0))?.input).toBe(10_000_000)
    wall = before + 60_000
    expect(bill('openai', 'o3', used(1000, 0))?.input).toBe(2_000_000)
  })

  test('follows a price that changes with the hour', () => {
    wall = Date.UTC(2026, 9, 1, 0, 29)
    const night = bill('deepseek', 'deepseek-chat', used(1_000_000, 0))?.input
    wall = Date.UTC(2026, 9, 1, 0, 30)
    const day = bill('deepseek', 'deepseek-chat', used(1_000_000, 0))?.input
    expect(night).toBeGreaterThan(0)
    expect(day).toBeGreaterThan(night ?? 0)
  })
})

describe('a model', () => {
  test.each([
    ['openai', 'gpt-4o-mini-2024-07-18', 'gpt-4o-mini'],
    ['openai', 'gpt-4o-audio-preview-2025-06-03', 'gpt-4o-audio-preview'],
    ['anthropic', 'claude-sonnet-4-5-20250929', 'claude-sonnet-4-5'],
    ['anthropic', 'claude-sonnet-4-20250514', 'claude-sonnet-4-0'],
    ['anthropic', 'claude-3-5-haiku-20241022', 'claude-3-5-haiku-latest'],
    ['google', 'gemini-2.5-pro-preview-05-06', 'gemini-2.5-pro'],
    ['google', 'gemini-2.0-flash-001', 'gemini-2.0-flash'],
    ['google', 'claude-sonnet-4-5@20250929', 'claude-sonnet-4-5'],
  ])('of a version has its price: %s/%s', (vendor, model, base) => {
    const { price } = table.facts(vendor, false, vendor, model)
    expect(price?.list).toBeDefined()
    expect(price?.list).toEqual(table.facts(vendor, false, vendor, base).price?.list)
  })

  test.each([
    ['openai', 'gpt-99'],
    ['openai', 'gpt-4o-mini-super'],
    ['openai', 'my-moderation-model'],
    ['anthropic', 'claude-sonnet-5-5'],
    ['anthropic', 'claude-opus-4-10'],
    ['anthropic', 'claude-3-5-sonnet-turbo'],
    ['google', 'gemini-3.6-flash-lite'],
    ['google', 'gemini-2.5-pro-max'],
    ['azure', 'my-o4-mini-deployment'],
    ['azure', 'gpt4-production'],
    ['nobody', 'gpt-4o'],
    ['openai', '__proto__'],
    ['openai', ''],
    ['anthropic', `claude-sonnet-4-5${'-2025-09-29'.repeat(20)}x`],
  ])('that the list does not hold has no price, though the name is like another: %s/%s', (vendor, model) => {
    expect(table.facts(vendor, false, vendor, model)).toEqual({})
  })

  test('fine-tuned is priced by its base', () => {
    const { price } = table.facts('openai', false, 'openai', 'ft:gpt-4o-mini-2024-07-18:acme::abc')
    expect(price?.bill(used(1_000_000, 0))).toEqual({ input: 300_000_000, output: 0 })
  })

  test('has its context window', () => {
    expect(table.facts('openai', false, 'openai', 'gpt-4o-mini').contextWindow).toBe(128_000)
  })

  test('of a vendor without a list has no price', () => {
    expect(table.facts(undefined, false, 'own', 'anything')).toEqual({})
  })

  test('that runs locally is free, whatever was used', () => {
    const { price } = table.facts(undefined, true, 'own', 'anything')
    expect(price?.bill(used(5, 5))).toEqual({ input: 0, output: 0 })
    expect(price?.bill(used(undefined, undefined))).toEqual({ input: 0, output: 0 })
    expect(price?.list).toEqual({ input: 0, output: 0 })
  })
})

describe('a stated price', () => {
  const overrides = { 'mine/m': { input: 1, output: 2, cachedInput: 0.1, cacheWrite: 1.25, contextWindow: 4096 } }

  test('goes before the list and before what is free, also without a list', () => {
    for (const local of [true, false]) {
      const { price, contextWindow } = createPriceTable({ clock, overrides }).facts('openai', local, 'mine', 'm')
      expect(contextWindow).toBe(4096)
      expect(price?.list).toEqual({ input: 1, output: 2, cachedInput: 0.1, cacheWrite: 1.25 })
      expect(price?.bill(used(100, 10, { cachedInput: 50, cacheWrite: 10 }))).toEqual({ input: 57_500, output: 20_000 })
    }
  })

  test('holds for its provider and model only', () => {
    const stated = createPriceTable({ clock, overrides, list })
    expect(stated.facts('openai', false, 'other', 'm')).toEqual({})
    expect(stated.facts('openai', false, 'mine', 'gpt-4o-mini').price?.list.input).toBe(0.15)
  })
})

describe('the catalogue', () => {
  test('holds current models that are priced by the token, each known by its own id', () => {
    const ids = table.catalogue('openai')
    expect(ids).toEqual(expect.arrayContaining(['gpt-4o-mini', 'o3', 'text-embedding-3-small']))
    expect(ids).not.toContain('whisper-1')
    for (const id of ids) expect(table.facts('openai', false, 'openai', id).price).toBeDefined()
  })

  test('is empty for a vendor that the list does not hold', () => {
    expect([
      table.catalogue('nobody'),
      table.catalogue(undefined),
      createPriceTable({ clock }).catalogue('openai'),
    ]).toEqual([[], [], []])
  })
})
