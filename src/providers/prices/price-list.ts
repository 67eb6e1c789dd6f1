/** The public price list. */
export type PriceList = Pick<typeof import('@pydantic/genai-prices'), 'calcPrice' | 'findProvider'>

/** Loads the public price list, 20 MB of memory: only to be called when a configured vendor is in it. */
export async function loadPrices(): Promise<PriceList> {
  const { calcPrice, findProvider } = await import('@pydantic/genai-prices')
  return { calcPrice, findProvider }
}
