import type { ModelInfo } from '@pydantic/genai-prices'

/** A price in USD for a million tokens that goes before every list. */
export interface PriceOverride {
  readonly input: number
  readonly output: number
  readonly cachedInput?: number
  readonly cacheWrite?: number
  /** Default: `cacheWrite`. */
  readonly cacheWrite1h?: number
  /** In tokens. */
  readonly contextWindow?: number
}

/** The operator's own prices. */
export interface PriceSettings {
  /** By `provider/model`, with the configured name of the provider. */
  readonly overrides: Readonly<Record<string, PriceOverride>>
  /** By the configured name of a provider: what multiplies all of its prices, such as 0.8. */
  readonly multipliers: Readonly<Record<string, number>>
  /** A price list of the operator, which goes before the bundled one. */
  readonly file?: PriceFileSettings | undefined
}

export interface PriceFileSettings {
  readonly path: string
  readonly prices: FilePrices
}

/** Prices from a file. */
export interface FilePrices {
  /** Identifies the content. */
  readonly version: string
  /**
   * The entry of a model; undefined if there is none. `pricesId` is the id of its vendor in the bundled list, `provider`
   * the configured name of its provider.
   */
  find(pricesId: string | undefined, provider: string, model: string): ModelInfo | undefined
}
