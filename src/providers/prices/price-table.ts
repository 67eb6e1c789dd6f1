import type { ModelInfo, ModelPrice as PriceSheet } from '@pydantic/genai-prices'
import type { Clock } from '../../domain/clock.ts'
import type { ModelFacts } from '../../domain/ports/provider.ts'
import { activeSheet } from './active-sheet.ts'
import { corrections } from './corrections.ts'
import { findModel } from './model-names.ts'
import type { PriceList } from './price-list.ts'
import { priceVersion } from './price-version.ts'
import { priceOf, type Rates, ratesOf, scaled, type TierFactor } from './rates.ts'
import { tierFactor } from './service-tiers.ts'
import type { FilePrices, PriceOverride, PriceSettings } from './settings.ts'

/** A provider as prices are looked up for it. */
export interface PricedProvider {
  /** The configured name. */
  readonly name: string
  /** The vendor's id in the list; undefined when it has none. */
  readonly pricesId: string | undefined
  /** Whether its models are free unless a price is configured. */
  readonly local: boolean
}

export interface PriceTableOptions {
  /** Selects among prices that begin on a date or apply at certain hours. */
  readonly clock: Clock
  readonly settings?: Partial<PriceSettings>
  /** Without the list only configured prices and local models have one. */
  readonly list?: PriceList | undefined
  /** Version of the gateway, which comes with a list. */
  readonly version?: string
}

/** A moment at which prices are looked up. */
export interface PriceMoment {
  readonly file: FilePrices | undefined
  /** Wall time in ms. */
  readonly time: number
}

/** Facts of a model, with the rates that its price is computed from. */
export type PricedFacts = ModelFacts & { readonly rates?: Rates | undefined }

const MINUTE = 60_000
/** More than all minutes that a clock can show. */
const RELOAD = 1e9
const unknown: PricedFacts = {}

/** Prices and other facts of models. */
export class PriceTable {
  readonly #clock: Clock
  readonly #list: PriceList | undefined
  readonly #gatewayVersion: string
  readonly #settings: Partial<PriceSettings>
  readonly #overrides: ReadonlyMap<string, PriceOverride>
  readonly #catalogues = new Map<string, readonly string[]>()
  #file: FilePrices | undefined
  #version: string
  #reloads = 0
  /** Whether prices were looked up that depend on the time. */
  #timed = false

  constructor({ clock, settings = {}, list, version = '' }: PriceTableOptions) {
    this.#clock = clock
    this.#list = list
    this.#gatewayVersion = version
    this.#settings = settings
    this.#overrides = new Map(Object.entries(settings.overrides ?? {}))
    this.#file = settings.file?.prices
    this.#version = priceVersion(version, settings, this.#file)
  }

  /** Identifies the prices: the gateway, which comes with a list, and what the operator configured. */
  get version(): string {
    return this.#version
  }

  /** Differs from its last value when prices may have changed since. Prices of a list change at whole minutes. */
  get revision(): number {
    return this.#reloads * RELOAD + (this.#timed ? Math.floor(this.#clock.wall() / MINUTE) : 0)
  }

  /** The prices of now. */
  moment(): PriceMoment {
    return { file: this.#file, time: this.#clock.wall() }
  }

  /** Replaces the prices of the operator's file. */
  reload(file: FilePrices): void {
    this.#file = file
    this.#reloads++
    this.#version = priceVersion(this.#gatewayVersion, this.#settings, file)
  }

  /**
   * What is known of a model at a moment; the price does not change any more. A model that has no entry has no price,
   * never that of another model.
   */
  facts(provider: PricedProvider, model: string, moment = this.moment()): PricedFacts {
    const { name, pricesId, local } = provider
    const override = this.#overrides.get(`${name}/${model}`)
    if (override) return this.#facts(provider, model, sheetOf(override), override.contextWindow)
    const own = moment.file?.find(pricesId, name, model)
    if (own) return this.#factsOf(provider, model, own, moment)
    if (local) return this.#facts(provider, model, { input_mtok: 0, output_mtok: 0 })
    if (!this.#list || pricesId === undefined) return unknown
    const listed = findModel(this.#list, pricesId, model)
    const correction = correctionOf(pricesId, model)
    if (correction) return this.#facts(provider, model, sheetOf(correction), listed?.context_window)
    return listed && isPricedByToken(listed) ? this.#factsOf(provider, model, listed, moment) : unknown
  }

  /** Ids of a vendor's models that are priced by token. */
  catalogue(pricesId: string | undefined): readonly string[] {
    if (!this.#list || pricesId === undefined) return []
    let ids = this.#catalogues.get(pricesId)
    if (!ids) {
      ids = catalogueOf(this.#list, pricesId)
      this.#catalogues.set(pricesId, ids)
    }
    return ids
  }

  #factsOf(provider: PricedProvider, model: string, info: ModelInfo, { time }: PriceMoment): PricedFacts {
    if (Array.isArray(info.prices)) this.#timed = true
    return this.#facts(provider, model, activeSheet(info.prices, time), info.context_window)
  }

  #facts({ name, pricesId }: PricedProvider, model: string, sheet: PriceSheet, contextWindow?: number): PricedFacts {
    const { multipliers = {} } = this.#settings
    const factor = Object.hasOwn(multipliers, name) ? (multipliers[name] ?? 1) : 1
    const rates = scaled(ratesOf(sheet), factor)
    return {
      rates,
      price: priceOf(rates, tiersOf(pricesId, model)),
      ...(contextWindow !== undefined && { contextWindow }),
    }
  }
}

function tiersOf(pricesId: string | undefined, model: string): TierFactor {
  return (tier) => (pricesId === undefined ? undefined : tierFactor(pricesId, model, tier))
}

function correctionOf(pricesId: string, model: string): PriceOverride | undefined {
  const ofVendor = Object.hasOwn(corrections, pricesId) ? corrections[pricesId] : undefined
  return ofVendor && Object.hasOwn(ofVendor, model) ? ofVendor[model] : undefined
}

function sheetOf({ input, output, cachedInput, cacheWrite, cacheWrite1h }: PriceOverride): PriceSheet {
  const sheet: PriceSheet = { input_mtok: input, output_mtok: output }
  if (cachedInput !== undefined) sheet['cache_read_mtok'] = cachedInput
  if (cacheWrite !== undefined) sheet['cache_write_mtok'] = cacheWrite
  if (cacheWrite1h !== undefined) sheet['cache_write_1h_mtok'] = cacheWrite1h
  return sheet
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
