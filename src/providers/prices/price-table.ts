import type { MatchLogic, ModelInfo, ModelPrice as PriceSheet } from '@pydantic/genai-prices'
import type { Clock } from '../../domain/clock.ts'
import type { ModelFacts } from '../../domain/ports/provider.ts'
import { priceOf, type Rates, ratesOf } from './rates.ts'

/** A price that the operator states, in USD for a million tokens. It goes before the list. */
export interface PriceOverride {
  readonly input: number
  readonly output: number
  readonly cachedInput?: number
  readonly cacheWrite?: number
  /** In tokens. */
  readonly contextWindow?: number
}

/** What models cost. */
export interface PriceTable {
  /**
   * What is known of a model, looked up anew. `pricesId` is the vendor's id in the list, undefined when it has none. A model that the
   * list does not hold has no price, never that of another model; where `local`, it is free.
   */
  facts(pricesId: string | undefined, local: boolean, provider: string, model: string): ModelFacts
  /** The ids of a vendor's models that are priced by the token. */
  catalogue(pricesId: string | undefined): readonly string[]
}

/** The public price list. */
export type PriceList = Pick<typeof import('@pydantic/genai-prices'), 'calcPrice' | 'findProvider'>

export interface PriceTableOptions {
  /** Decides which of several prices holds: some begin on a date, some hold at certain hours. */
  readonly clock: Clock
  /** By `provider/model`, the provider as it is configured. */
  readonly overrides?: Readonly<Record<string, PriceOverride>>
  /** Without it only overrides and local models have a price. */
  readonly list?: PriceList | undefined
}

/** Loads the public price list, 20 MB of memory: only to be called when a configured vendor is in it. */
export async function loadPrices(): Promise<PriceList> {
  const { calcPrice, findProvider } = await import('@pydantic/genai-prices')
  return { calcPrice, findProvider }
}

export function createPriceTable({ clock, overrides = {}, list }: PriceTableOptions): PriceTable {
  const free = statedFacts({ input: 0, output: 0 })
  const stated = new Map(Object.entries(overrides).map(([target, override]) => [target, statedFacts(override)]))
  const catalogues = new Map<string, readonly string[]>()
  return {
    facts(pricesId, local, provider, model) {
      const override = stated.get(`${provider}/${model}`)
      if (override) return override
      if (local) return free
      if (!list || pricesId === undefined) return unknown
      return listedFacts(list, clock, pricesId, model)
    },
    catalogue(pricesId) {
      if (!list || pricesId === undefined) return []
      let ids = catalogues.get(pricesId)
      if (!ids) {
        ids = catalogueOf(list, pricesId)
        catalogues.set(pricesId, ids)
      }
      return ids
    },
  }
}

const unknown: ModelFacts = {}

function statedFacts({ input, output, cachedInput, cacheWrite, contextWindow }: PriceOverride): ModelFacts {
  const sheet: PriceSheet = { input_mtok: input, output_mtok: output }
  if (cachedInput !== undefined) sheet['cache_read_mtok'] = cachedInput
  if (cacheWrite !== undefined) sheet['cache_write_mtok'] = cacheWrite
  const rates = ratesOf(sheet)
  return { price: priceOf(() => rates), contextWindow }
}

function listedFacts(list: PriceList, clock: Clock, pricesId: string, model: string): ModelFacts {
  const info = findModel(list, pricesId, model)
  if (!info || !isPricedByToken(info)) return unknown
  return { price: priceOf(currentRates(list, clock, pricesId, model, info)), contextWindow: info.context_window }
}

/** The rates at this time. Prices change at whole minutes at the earliest, so they are looked up once in each. */
function currentRates(list: PriceList, clock: Clock, pricesId: string, model: string, info: ModelInfo): () => Rates {
  if (!Array.isArray(info.prices)) {
    const rates = ratesOf(info.prices)
    return () => rates
  }
  const lookUp = (minute: number) => {
    const timestamp = new Date(minute * MINUTE)
    return ratesOf(list.calcPrice({}, model, { providerId: pricesId, timestamp })?.model_price ?? {})
  }
  let at = Number.NaN
  let rates = ratesOf({})
  return () => {
    const minute = Math.floor(clock.wall() / MINUTE)
    if (minute !== at) {
      at = minute
      rates = lookUp(minute)
    }
    return rates
  }
}

const MINUTE = 60_000

/*
 * Finding a model. The list matches many models by the beginning or a part of their name, so that it finds new
 * versions: `claude-sonnet-4-5-20250929` is `claude-sonnet-4-5`. But so is `claude-sonnet-5-5` for it the
 * `claude-sonnet-5` that it knows, and `gemini-3.6-flash-lite` is `gemini-3.6-flash`. A match counts here only when
 * nothing but a version follows the name that it was found by.
 */

function findModel(list: PriceList, pricesId: string, model: string): ModelInfo | undefined {
  // The list finds vendors by similar names too.
  if (list.findProvider({ providerId: pricesId })?.id !== pricesId) return undefined
  const info = list.calcPrice({}, model, { providerId: pricesId })?.model
  return info && isNameOf(info, model.toLowerCase()) ? info : undefined
}

function isNameOf(info: ModelInfo, model: string): boolean {
  const patterns = literalsOf(info.match)
  const names = new Set([info.id, ...patterns].map((name) => name.toLowerCase()))
  if (names.has(model)) return true
  // A fine-tuned model is named after its base, which is what its price goes by.
  if (patterns.some((pattern) => /^ft:|\.ft-/.test(pattern) && model.startsWith(pattern.toLowerCase()))) return true
  const known = new Set(Array.from(names, withoutVersion))
  return known.has(withoutVersion(model))
}

/** The texts that names are compared with. */
function literalsOf(match: MatchLogic): string[] {
  if ('or' in match) return match.or.flatMap(literalsOf)
  if ('and' in match) return match.and.flatMap(literalsOf)
  if ('regex' in match) return []
  if ('equals' in match) return [match.equals]
  if ('starts_with' in match) return [match.starts_with]
  return ['contains' in match ? match.contains : match.ends_with]
}

/** One mark of a version at the end of a name: `-latest`, `-preview`, `-20250929`, `-2025-09-29`, `-05-06`, `-001`, `-v1:0`. */
const version =
  /[-@](?:latest|preview|exp|20\d{6}|20\d\d-\d\d-\d\d|(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])|\d{3,4}|v\d(?::\d)?|)$/

function withoutVersion(name: string): string {
  for (let rest = name; ; ) {
    const shorter = rest.replace(version, '')
    if (shorter === rest) return rest
    rest = shorter
  }
}

function isPricedByToken({ prices }: ModelInfo): boolean {
  const sheets = Array.isArray(prices) ? prices.map((conditional) => conditional.prices) : [prices]
  return sheets.every((sheet) => sheet['input_mtok'] !== undefined)
}

function catalogueOf(list: PriceList, pricesId: string): string[] {
  const vendor = list.findProvider({ providerId: pricesId })
  if (vendor?.id !== pricesId) return []
  const current = vendor.models.filter((info) => !info.deprecated && isPricedByToken(info))
  return current.map((info) => info.id).filter((id) => findModel(list, pricesId, id)?.id === id)
}
