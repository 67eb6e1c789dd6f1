import { hash } from 'node:crypto'
import { type ListedVendor, readListedVendors } from './listed-vendors.ts'
import { readLiteLlmPrices } from './litellm-prices.ts'
import type { FilePrices } from './settings.ts'

/**
 * Reads a price list: JSON in the format of the bundled list (https://github.com/pydantic/genai-prices, `data.json`) or in
 * that of LiteLLM (`model_prices_and_context_window.json`). Throws an Error that says what is wrong.
 */
export function readPriceFile(text: string): FilePrices {
  const tree = parsed(text)
  const version = hash('sha256', text).slice(0, 8)
  if (Array.isArray(tree)) return { version, find: finder(readListedVendors(tree)) }
  if (typeof tree === 'object' && tree !== null) return { version, find: readLiteLlmPrices(tree) }
  throw new Error('is neither a list of vendors nor a table of models')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error('is not JSON')
  }
}

/** A vendor of the file is found by the name of the provider, else by its id in the bundled list. */
function finder(vendors: ReadonlyMap<string, ListedVendor>): FilePrices['find'] {
  return (pricesId, provider, model) =>
    vendors.get(provider)?.find(model) ?? (pricesId === undefined ? undefined : vendors.get(pricesId)?.find(model))
}
