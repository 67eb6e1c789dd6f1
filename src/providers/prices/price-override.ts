/** A price in USD for a million tokens that goes before the list. */
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
