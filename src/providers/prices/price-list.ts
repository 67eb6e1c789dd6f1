/** The public price list. */
export type PriceList = Pick<typeof import('@pydantic/genai-prices'), 'calcPrice' | 'findProvider'>

/** Loads the public price list, which takes 20 MB of memory: call it only if a configured vendor is in the list. */
export async function loadPrices(): Promise<PriceList> {
  const { calcPrice, findProvider } = await import('@pydantic/genai-prices')
  return { calcPrice, findProvider }
}
