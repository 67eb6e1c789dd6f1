import type { ModelInfo, ModelPrice as PriceSheet } from '@pydantic/genai-prices'
import type { Clock } from '../../domain/clock.ts'
import type { ModelFacts } from '../../domain/ports/provider.ts'
import { corrections } from './corrections.ts'
import { findModel } from './model-names.ts'
import type { PriceList } from './price-list.ts'
import type { PriceOverride } from './price-override.ts'
import { priceOf, type Rates, ratesOf, type TierFactor } from './rates.ts'
import { tierFactor } from './service-tiers.ts'

/** Prices and other facts of models. */
export interface PriceTable {
  /**
   * What is known of a model; looked up on every call. `pricesId` is the vendor's id in the list, undefined when it has
   * none. A model that the list does not hold has no price, never that of another model; where `local`, it is free.
   */
  facts(pricesId: string | undefined, local: boolean, provider: string, model: string): ModelFacts
  /** Ids of a vendor's models that are priced by token. */
  catalogue(pricesId: string | undefined): readonly string[]
}

export interface PriceTableOptions {
  /** Selects among prices that begin on a date or apply at certain hours. */
  readonly clock: Clock
  /** By `provider/model`, with the configured name of the provider. */
  readonly overrides?: Readonly<Record<string, PriceOverride>>
  /** Without the list only overrides and local models have a price. */
  readonly list?: PriceList | undefined
}

export function createPriceTable({ clock, overrides = {}, list }: PriceTableOptions): PriceTable {
  const free = statedFacts({ input: 0, output: 0 })
  const stated = new Map(Object.entries(overrides))
  const catalogues = new Map<string, readonly string[]>()
  return {
    facts(pricesId, local, provider, model) {
      const override = stated.get(`${provider}/${model}`)
      if (override) return statedFacts(override, tiersOf(pricesId, model))
      if (local) return free
      if (!list || pricesId === undefined) return unknown
      const correction = correctionOf(pricesId, model)
      if (!correction) return listedFacts(list, clock, pricesId, model)
      const contextWindow = findModel(list, pricesId, model)?.context_window
      return { contextWindow, ...statedFacts(correction, tiersOf(pricesId, model)) }
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

function tiersOf(pricesId: string | undefined, model: string): TierFactor {
  return (tier) => (pricesId === undefined ? undefined : tierFactor(pricesId, model, tier))
}

function correctionOf(pricesId: string, model: string): PriceOverride | undefined {
  const ofVendor = Object.hasOwn(corrections, pricesId) ? corrections[pricesId] : undefined
  return ofVendor && Object.hasOwn(ofVendor, model) ? ofVendor[model] : undefined
}

function statedFacts(override: PriceOverride, tiers?: TierFactor): ModelFacts {
  const { input, output, cachedInput, cacheWrite, cacheWrite1h, contextWindow } = override
  const sheet: PriceSheet = { input_mtok: input, output_mtok: output }
  if (cachedInput !== undefined) sheet['cache_read_mtok'] = cachedInput
  if (cacheWrite !== undefined) sheet['cache_write_mtok'] = cacheWrite
  if (cacheWrite1h !== undefined) sheet['cache_write_1h_mtok'] = cacheWrite1h
  const rates = ratesOf(sheet)
  return { price: priceOf(() => rates, tiers), ...(contextWindow !== undefined && { contextWindow }) }
}

function listedFacts(list: PriceList, clock: Clock, pricesId: string, model: string): ModelFacts {
  const info = findModel(list, pricesId, model)
  if (!info || !isPricedByToken(info)) return unknown
  const rates = currentRates(list, clock, pricesId, model, info)
  return { price: priceOf(rates, tiersOf(pricesId, model)), contextWindow: info.context_window }
}

/** The rates at this time. Prices change at whole minutes, so they are looked up at most once per minute. */
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
