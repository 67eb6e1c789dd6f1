import { waitForUpdate } from '@pydantic/genai-prices'
import { describe, expect, it } from 'vitest'
import { readPriceFile } from '../../../src/providers/prices/price-file.ts'
import { loadPrices } from '../../../src/providers/prices/price-list.ts'
import { PriceTable } from '../../../src/providers/prices/price-table.ts'
import type { PriceSettings } from '../../../src/providers/prices/settings.ts'

const wall = Date.UTC(2026, 9, 1, 12)
const clock = { now: () => 0, wall: () => wall, after: () => () => {} }

function tableOf(text: string, more: Partial<PriceSettings> = {}) {
  return new PriceTable({ clock, settings: { file: { path: 'prices.json', prices: readPriceFile(text) }, ...more } })
}

const liteLlm = JSON.stringify({
  sample_spec: { input_cost_per_token: 'USD for a token', litellm_provider: 'one of them' },
  'gpt-7': {
    litellm_provider: 'openai',
    input_cost_per_token: 1.5e-7,
    output_cost_per_token: 6e-7,
    cache_read_input_token_cost: 7.5e-8,
    input_cost_per_token_above_200k_tokens: 3e-7,
    input_cost_per_audio_token: 1e-5,
    search_context_cost_per_query: { search_context_size_medium: 0.01 },
    max_input_tokens: 400_000,
  },
  'gemini/gemini-9-pro': { litellm_provider: 'gemini', input_cost_per_token: 1e-6, output_cost_per_token: 2e-6 },
  'workstation/qwen': { litellm_provider: 'custom', input_cost_per_token: 1e-6, output_cost_per_token: 0 },
  'dall-e': { litellm_provider: 'openai', input_cost_per_image: 0.04 },
})

const list = JSON.stringify([
  {
    id: 'openai',
    name: 'OpenAI',
    models: [
      {
        id: 'gpt-7',
        match: { or: [{ equals: 'gpt-7' }, { starts_with: 'gpt-7-2' }] },
        prices: { input_mtok: 3, output_mtok: 9 },
      },
      {
        id: 'gpt-7-night',
        match: { equals: 'gpt-7-night' },
        context_window: 1000,
        prices: [
          { prices: { input_mtok: 2, output_mtok: 2 } },
          {
            constraint: { start_date: '2026-10-01' },
            prices: { input_mtok: 1, output_mtok: { base: 1, tiers: [{ start: 10, price: 5 }] } },
          },
          {
            constraint: { start_time: '22:00:00Z', end_time: '06:00:00Z' },
            prices: { input_mtok: 0.5, output_mtok: 0.5 },
          },
        ],
      },
    ],
  },
  { id: 'workstation', models: [{ id: 'qwen', match: { equals: 'qwen' }, prices: { input_mtok: 1, output_mtok: 0 } }] },
])

const openai = { name: 'main', pricesId: 'openai', local: false }
const workstation = { name: 'workstation', pricesId: undefined, local: true }
const used = { $typeName: 'llmgateway.v1.Usage', input: 1_000_000, output: 1_000_000, estimated: false } as const

describe('a table of LiteLLM', () => {
  const table = tableOf(liteLlm)
  it.each([
    [openai, 'gpt-7', { input: 0.15, output: 0.6, cachedInput: 0.075 }],
    [openai, 'gpt-7-2026-11-01', { input: 0.15, output: 0.6, cachedInput: 0.075 }],
    [openai, 'gpt-7-mini', undefined],
    [openai, 'dall-e', undefined],
    [openai, 'gemini-9-pro', undefined],
    [openai, 'sample_spec', undefined],
    [{ name: 'g', pricesId: 'google', local: false }, 'gemini-9-pro', { input: 1, output: 2 }],
    [workstation, 'qwen', { input: 1, output: 0 }],
    [workstation, 'llama', { input: 0, output: 0 }],
  ])('has for %j the price of %s', (provider, model, price) => {
    expect(table.facts(provider, model).price?.list).toEqual(price)
  })

  it('has tiers, parts, searches and the context window', () => {
    const { price, contextWindow } = table.facts(openai, 'gpt-7')
    expect(contextWindow).toBe(400_000)
    expect(price?.bill({ ...used, input: 200_000, output: 0 })).toEqual({ input: 30_000_000, output: 0 })
    expect(price?.bill({ ...used, input: 200_001, output: 0 })).toEqual({ input: 60_000_300, output: 0 })
    expect(price?.bill({ ...used, input: 100, output: 0, inputAudio: 10 })?.input).toBe(90 * 150 + 10 * 10_000)
    expect(price?.bill({ ...used, input: 0, output: 0, webSearches: 2 })?.input).toBe(20_000_000)
  })
})

describe('a price list', () => {
  const table = tableOf(list)
  it.each([
    [openai, 'gpt-7', { input: 3, output: 9 }],
    [openai, 'gpt-7-2026-11-01', { input: 3, output: 9 }],
    [openai, 'gpt-7-2x', undefined],
    [openai, 'gpt-7-night', { input: 1, output: 1 }],
    [workstation, 'qwen', { input: 1, output: 0 }],
  ])('has for %j the price of %s', (provider, model, price) => {
    expect(table.facts(provider, model).price?.list).toEqual(price)
  })

  it('has prices by the hour, and tiers', () => {
    const at = (time: number) => table.facts(openai, 'gpt-7-night', { ...table.moment(), time })
    expect(at(Date.UTC(2026, 8, 1, 12)).price?.list.input).toBe(2)
    expect(at(Date.UTC(2026, 9, 1, 23)).price?.list.input).toBe(0.5)
    expect(at(Date.UTC(2026, 9, 1, 5)).price?.list.input).toBe(0.5)
    expect(at(wall).price?.bill({ ...used, input: 11, output: 1 })).toEqual({ input: 11_000, output: 5_000 })
  })

  it('may be the bundled one, with the same prices', async () => {
    const vendors = (await waitForUpdate()) ?? []
    const own = tableOf(JSON.stringify(vendors))
    const bundled = new PriceTable({ clock, list: await loadPrices() })
    for (const pricesId of ['openai', 'google', 'groq', 'x-ai']) {
      for (const model of bundled.catalogue(pricesId).filter((id) => !id.includes('safeguard'))) {
        const provider = { name: 'p', pricesId, local: false }
        expect(own.facts(provider, model).price?.list, model).toEqual(bundled.facts(provider, model).price?.list)
      }
    }
  })
})

it.each([
  ['', 'is not JSON'],
  ['"text"', 'is neither a list of vendors nor a table of models'],
  ['{}', 'has no model with input_cost_per_token'],
  ['{"m": {"input_cost_per_token": -1}}', 'm: input_cost_per_token must be a number of at least 0'],
  ['{"m": {"input_cost_per_token": 1, "output_cost_per_token": "2"}}', 'm: output_cost_per_token must be a number'],
  [
    '[{"id": "openai", "models": [{"id": "m", "match": {"equals": "m"}, "prices": {"input_mtok": -1}}]}]',
    'openai: m: prices',
  ],
  ['[{"id": "openai", "models": [{"id": "m", "match": {"sounds": "m"}, "prices": {}}]}]', 'openai: m: match'],
])('%s is refused', (text, problem) => {
  expect(() => readPriceFile(text)).toThrow(problem)
})

describe('which price counts', () => {
  const overrides = { 'main/gpt-7': { input: 8, output: 8 } }
  it('is the configured one, then that of the file, then the bundled one', async () => {
    const bundled = await loadPrices()
    const file = { path: 'p', prices: readPriceFile(liteLlm) }
    const table = new PriceTable({ clock, list: bundled, settings: { overrides, file } })
    expect(table.facts(openai, 'gpt-7').price?.list.input).toBe(8)
    expect(table.facts({ ...openai, name: 'other' }, 'gpt-7').price?.list.input).toBe(0.15)
    expect(table.facts(openai, 'gpt-4o-mini').price?.list.input).toBe(0.15)
  })

  it('is multiplied for its provider, whatever it comes from', () => {
    const table = tableOf(liteLlm, { overrides, multipliers: { main: 0.5, workstation: 2 } })
    expect(table.facts(openai, 'gpt-7').price?.list).toEqual({ input: 4, output: 4 })
    expect(table.facts({ ...openai, name: 'other' }, 'gpt-7').price?.list.input).toBe(0.15)
    expect(table.facts(workstation, 'qwen').price?.bill(used)).toEqual({ input: 2_000_000_000, output: 0 })
    const { price } = tableOf(liteLlm, { multipliers: { main: 0.5 } }).facts(openai, 'gpt-7')
    expect(price?.list).toEqual({ input: 0.075, output: 0.3, cachedInput: 0.0375 })
    expect(price?.bill({ ...used, input: 200_001, output: 0 })?.input).toBe(30_000_150)
  })
})

it('the version names what is configured', () => {
  const version = (settings: Partial<PriceSettings>) => new PriceTable({ clock, settings, version: '1.0.0' }).version
  const file = { path: 'p', prices: readPriceFile(liteLlm) }
  const versions = [
    version({}),
    version({ multipliers: { a: 0.8 } }),
    version({ file }),
    version({ overrides: { 'a/b': { input: 1, output: 1 } } }),
  ]
  expect(new Set(versions).size).toBe(4)
  expect(versions[0]).toBe('1.0.0')
  expect(versions[2]).toMatch(/^1\.0\.0-[0-9a-f]{8}$/)
})
