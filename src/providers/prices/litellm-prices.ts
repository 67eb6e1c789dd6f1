import type { ModelInfo, ModelPrice as PriceSheet } from '@pydantic/genai-prices'
import { withoutVersion } from './model-names.ts'
import type { FilePrices } from './settings.ts'

/**
 * LiteLLM's names of vendors, each with the vendor's id in the bundled list. Its entries are named after the model, most
 * of them with the name of the vendor in front.
 */
const vendors: Readonly<Record<string, string>> = {
  openai: 'openai',
  'text-completion-openai': 'openai',
  anthropic: 'anthropic',
  gemini: 'google',
  azure: 'azure',
  azure_text: 'azure',
  groq: 'groq',
  xai: 'x-ai',
  mistral: 'mistral',
  deepseek: 'deepseek',
  openrouter: 'openrouter',
  together_ai: 'together',
  cerebras: 'cerebras',
  fireworks_ai: 'fireworks',
  perplexity: 'perplexity',
}

/** Keys of an entry, in USD for one token, with those of the price list, in USD for a million. */
const perToken: Readonly<Record<string, string>> = {
  input_cost_per_token: 'input_mtok',
  output_cost_per_token: 'output_mtok',
  cache_read_input_token_cost: 'cache_read_mtok',
  cache_creation_input_token_cost: 'cache_write_mtok',
  cache_creation_input_token_cost_above_1hr: 'cache_write_1h_mtok',
  input_cost_per_audio_token: 'input_audio_mtok',
  output_cost_per_audio_token: 'output_audio_mtok',
  input_cost_per_image_token: 'input_image_mtok',
  output_cost_per_image_token: 'output_image_mtok',
  output_cost_per_reasoning_token: 'output_reasoning_mtok',
}

/** A price of calls whose input is above a number of thousands of tokens. */
const ABOVE = /^(.+)_above_(\d+)k_tokens$/

type Entry = Readonly<Record<string, unknown>>

/** Reads a table of models. Throws an Error that names the first wrong entry. */
export function readLiteLlmPrices(table: object): FilePrices['find'] {
  const byKey = new Map<string, ModelInfo>()
  const byVendor = new Map<string, ModelInfo>()
  for (const [key, entry] of Object.entries(table)) {
    const info = isEntry(entry) && infoOf(key, entry)
    if (!info) continue
    byKey.set(key.toLowerCase(), info)
    const name = typeof entry['litellm_provider'] === 'string' ? entry['litellm_provider'] : ''
    const vendor = Object.hasOwn(vendors, name) ? vendors[name] : undefined
    const prefix = `${name}/`
    const model = key.startsWith(prefix) ? key.slice(prefix.length) : key
    if (vendor !== undefined) byVendor.set(`${vendor}/${model.toLowerCase()}`, info)
  }
  if (byKey.size === 0) throw new Error('has no model with input_cost_per_token')
  return (pricesId, provider, model) => {
    const name = model.toLowerCase()
    const own = byKey.get(`${provider}/${name}`)
    if (own || pricesId === undefined) return own
    return byVendor.get(`${pricesId}/${name}`) ?? byVendor.get(`${pricesId}/${withoutVersion(name)}`)
  }
}

function isEntry(entry: unknown): entry is Entry {
  return typeof entry === 'object' && entry !== null && typeof Reflect.get(entry, 'input_cost_per_token') !== 'string'
}

/** Undefined for a model that is not priced by token. */
function infoOf(key: string, entry: Entry): ModelInfo | undefined {
  if (numberIn(key, entry, 'input_cost_per_token') === undefined) return undefined
  const sheet: PriceSheet = {}
  for (const [from, to] of Object.entries(perToken)) {
    const base = numberIn(key, entry, from)
    if (base === undefined) continue
    const tiers = tiersOf(key, entry, from)
    sheet[to] = tiers.length === 0 ? perMillion(base) : { base: perMillion(base), tiers }
  }
  const request = numberIn(key, entry, 'input_cost_per_request')
  if (request !== undefined) sheet['requests_kcount'] = request * 1000
  const searches = entry['search_context_cost_per_query']
  const search = isRecord(searches) ? numberIn(key, searches, 'search_context_size_medium') : undefined
  if (search !== undefined) sheet['web_searches_kcount'] = search * 1000
  const window = entry['max_input_tokens']
  return {
    id: key,
    match: { equals: key },
    prices: sheet,
    ...(typeof window === 'number' && window > 0 && { context_window: window }),
  }
}

function tiersOf(key: string, entry: Entry, base: string): { start: number; price: number }[] {
  return Object.keys(entry).flatMap((name) => {
    const [, of, thousands] = ABOVE.exec(name) ?? []
    const price = of === base ? numberIn(key, entry, name) : undefined
    return price === undefined ? [] : [{ start: Number(thousands) * 1000, price: perMillion(price) }]
  })
}

/** Twelve digits are exact: the product alone would be 0.15000000000000002 for 0.15 USD. */
function perMillion(price: number): number {
  return Number((price * 1e6).toPrecision(12))
}

function numberIn(key: string, entry: Entry, name: string): number | undefined {
  const value = entry[name]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value
  throw new Error(`${key}: ${name} must be a number of at least 0`)
}

function isRecord(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null
}
