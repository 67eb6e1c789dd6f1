import { beforeAll, describe, expect, test } from 'vitest'
import type { Bill } from '../../../src/domain/money.ts'
import type { Usage } from '../../../src/domain/types.ts'
import { corrections } from '../../../src/providers/prices/corrections.ts'
import { loadPrices, type PriceList } from '../../../src/providers/prices/price-list.ts'
import { PriceTable } from '../../../src/providers/prices/price-table.ts'

let list: PriceList
let table: PriceTable
let wall = Date.UTC(2026, 9, 1, 12)
const clock = { now: () => 0, wall: () => wall, after: () => () => {} }

beforeAll(async () => {
  list = await loadPrices()
  table = new PriceTable({ clock, list })
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
  return table.facts({ pricesId: vendor, local: false, name: vendor }, model).price?.bill(usage)
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

  test('charges entries that the cache keeps for an hour at their own rate', () => {
    // 5 USD a million, written for five minutes 6.25, for an hour 10
    const usage = used(1000, 0, { cacheWrite: 500, cacheWrite1h: 200 })
    expect(bill('anthropic', 'claude-opus-4-5', usage)?.input).toBe(500 * 5000 + 300 * 6250 + 200 * 10_000)
  })

  test.each([
    // 2.5 and 10 USD a million, audio 32 and 64
    [
      'audio',
      'openai',
      'gpt-audio',
      { inputAudio: 600, outputAudio: 100 },
      400 * 2500 + 600 * 32_000,
      1_000_000 + 6_400_000,
    ],
    // 0.30 and 2.50 USD a million, images generated 30
    ['images', 'google', 'gemini-2.5-flash-image', { outputImage: 150 }, 300_000, 50 * 2500 + 150 * 30_000],
    // 8 USD a million for images, 5 for text, images generated 32
    ['images of both kinds', 'openai', 'gpt-image-1.5', { inputImage: 1000, outputImage: 200 }, 8_000_000, 6_400_000],
  ])('charges %s at their own rates', (_, vendor, model, parts, input, output) => {
    expect(bill(vendor, model, used(1000, 200, parts))).toEqual({ input, output })
  })

  test('charges audio as text where the model has no rate for it', () => {
    expect(bill('openai', 'gpt-4o-mini', used(100, 0, { inputAudio: 100 }))).toEqual({ input: 15_000, output: 0 })
  })

  test('charges web searches by their number', () => {
    // 10 USD a thousand
    expect(bill('anthropic', 'claude-opus-4-5', used(0, 0, { webSearches: 3 }))).toEqual({
      input: 30_000_000,
      output: 0,
    })
  })

  test.each([
    ['openai', 'gpt-5', 'flex', 0.5],
    ['openai', 'gpt-5-2025-08-07', 'priority', 2],
    ['openai', 'gpt-4o-mini', 'priority', 0.25 / 0.15],
    ['anthropic', 'claude-opus-4-5', 'batch', 0.5],
  ])('multiplies the price of %s/%s in the service tier %s by %d', (vendor, model, serviceTier, factor) => {
    const standard = bill(vendor, model, used(1000, 100))
    expect(bill(vendor, model, used(1000, 100, { serviceTier }))).toEqual({
      input: Math.round((standard?.input ?? 0) * factor),
      output: Math.round((standard?.output ?? 0) * factor),
    })
  })

  test.each([
    ['openai', 'gpt-4o-audio-preview', 'priority'],
    ['anthropic', 'claude-opus-4-5', 'priority'],
    ['openai', 'gpt-5', 'constructor'],
  ])('takes the standard price of %s/%s in the service tier %s, and says so', (vendor, model, serviceTier) => {
    const standard = bill(vendor, model, used(1000, 100))
    expect(bill(vendor, model, used(1000, 100, { serviceTier }))).toEqual({ ...standard, tierUnknown: true })
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
        if (corrections[vendor]?.[model]) continue
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
    wall = Date.UTC(2026, 9, 1, 0, 59)
    const night = bill('deepseek', 'deepseek-v4-flash', used(1_000_000, 0))?.input
    wall = Date.UTC(2026, 9, 1, 1)
    const day = bill('deepseek', 'deepseek-v4-flash', used(1_000_000, 0))?.input
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
    const { price } = table.facts({ pricesId: vendor, local: false, name: vendor }, model)
    expect(price?.list).toBeDefined()
    expect(price?.list).toEqual(table.facts({ pricesId: vendor, local: false, name: vendor }, base).price?.list)
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
    expect(table.facts({ pricesId: vendor, local: false, name: vendor }, model)).toEqual({})
  })

  test('fine-tuned is priced by its base', () => {
    const { price } = table.facts(
      { pricesId: 'openai', local: false, name: 'openai' },
      'ft:gpt-4o-mini-2024-07-18:acme::abc',
    )
    expect(price?.bill(used(1_000_000, 0))).toEqual({ input: 300_000_000, output: 0 })
  })

  test('has its context window', () => {
    expect(table.facts({ pricesId: 'openai', local: false, name: 'openai' }, 'gpt-4o-mini').contextWindow).toBe(128_000)
  })

  test('of a vendor without a list has no price', () => {
    expect(table.facts({ pricesId: undefined, local: false, name: 'own' }, 'anything')).toEqual({})
  })

  test('that runs locally is free, whatever was used', () => {
    const { price } = table.facts({ pricesId: undefined, local: true, name: 'own' }, 'anything')
    expect(price?.bill(used(5, 5))).toEqual({ input: 0, output: 0 })
    expect(price?.bill(used(undefined, undefined))).toEqual({ input: 0, output: 0 })
    expect(price?.list).toEqual({ input: 0, output: 0 })
  })
})

describe('a price that the list has wrong', () => {
  test.each([
    ['deepseek', 'deepseek-chat', { input: 0.28, output: 0.42, cachedInput: 0.028 }],
    ['deepseek', 'deepseek-reasoner', { input: 0.28, output: 0.42, cachedInput: 0.028 }],
    ['mistral', 'mistral-large-latest', { input: 0.5, output: 1.5 }],
    ['mistral', 'mistral-small-latest', { input: 0.15, output: 0.6 }],
    ['mistral', 'magistral-medium-latest', { input: 1.5, output: 7.5 }],
    ['mistral', 'open-mistral-nemo', { input: 0.3, output: 0.3 }],
    ['groq', 'openai/gpt-oss-safeguard-20b', { input: 0.075, output: 0.3, cachedInput: 0.0375 }],
  ])('is corrected, at every hour: %s/%s', (vendor, model, expected) => {
    for (const hour of [0, 2, 12, 20]) {
      wall = Date.UTC(2026, 9, 1, hour)
      expect(table.facts({ pricesId: vendor, local: false, name: vendor }, model).price?.list).toEqual(expected)
    }
  })

  test.each(
    Object.entries(corrections).flatMap(([vendor, models]) =>
      Object.keys(models).map((model) => [vendor, model] as const),
    ),
  )('is still wrong in the list, else its row can go: %s/%s', (vendor, model) => {
    const info = list.calcPrice({}, model, { providerId: vendor, timestamp: new Date(wall) })?.model_price
    const corrected = corrections[vendor]?.[model]
    expect([info?.['input_mtok'], info?.['output_mtok']]).not.toEqual([corrected?.input, corrected?.output])
  })

  test('keeps the context window of the list', () => {
    expect(
      table.facts({ pricesId: 'groq', local: false, name: 'groq' }, 'openai/gpt-oss-safeguard-20b').contextWindow,
    ).toBeGreaterThan(100_000)
  })

  test('gives way to what the operator states', () => {
    const stated = new PriceTable({
      clock,
      list,
      settings: { overrides: { 'd/deepseek-chat': { input: 9, output: 9 } } },
    })
    expect(stated.facts({ pricesId: 'deepseek', local: false, name: 'd' }, 'deepseek-chat').price?.list).toEqual({
      input: 9,
      output: 9,
    })
  })
})

describe('a stated price', () => {
  const overrides = { 'mine/m': { input: 1, output: 2, cachedInput: 0.1, cacheWrite: 1.25, contextWindow: 4096 } }

  test('goes before the list and before what is free, also without a list', () => {
    for (const local of [true, false]) {
      const { price, contextWindow } = new PriceTable({ clock, settings: { overrides } }).facts(
        { pricesId: 'openai', local: local, name: 'mine' },
        'm',
      )
      expect(contextWindow).toBe(4096)
      expect(price?.list).toEqual({ input: 1, output: 2, cachedInput: 0.1, cacheWrite: 1.25 })
      expect(price?.bill(used(100, 10, { cachedInput: 50, cacheWrite: 10 }))).toEqual({ input: 57_500, output: 20_000 })
    }
  })

  test('has its own rate for entries that the cache keeps for an hour', () => {
    const stated = { 'a/m': { input: 1, output: 2, cacheWrite: 1.25, cacheWrite1h: 2 } }
    const { price } = new PriceTable({ clock, settings: { overrides: stated } }).facts(
      { pricesId: undefined, local: false, name: 'a' },
      'm',
    )
    expect(price?.bill(used(100, 0, { cacheWrite: 50, cacheWrite1h: 10 }))?.input).toBe(50_000 + 40 * 1250 + 10 * 2000)
  })

  test('holds for its provider and model only', () => {
    const stated = new PriceTable({ clock, settings: { overrides }, list })
    expect(stated.facts({ pricesId: 'openai', local: false, name: 'other' }, 'm')).toEqual({})
    expect(stated.facts({ pricesId: 'openai', local: false, name: 'mine' }, 'gpt-4o-mini').price?.list.input).toBe(0.15)
  })
})

describe('the catalogue', () => {
  test('holds current models that are priced by the token, each known by its own id', () => {
    const ids = table.catalogue('openai')
    expect(ids).toEqual(expect.arrayContaining(['gpt-4o-mini', 'o3', 'text-embedding-3-small']))
    expect(ids).not.toContain('whisper-1')
    for (const id of ids)
      expect(table.facts({ pricesId: 'openai', local: false, name: 'openai' }, id).price).toBeDefined()
  })

  test('is empty for a vendor that the list does not hold', () => {
    expect([
      table.catalogue('nobody'),
      table.catalogue(undefined),
      new PriceTable({ clock }).catalogue('openai'),
    ]).toEqual([[], [], []])
  })
})
