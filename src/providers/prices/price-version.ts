import { hash } from 'node:crypto'
import type { PriceOverride } from './price-override.ts'

/** Identifies the prices of a gateway: its version, which comes with a price list, and a hash of the configured prices. */
export function priceVersion(version: string, overrides: Readonly<Record<string, PriceOverride>>): string {
  const configured =
    Object.keys(overrides).length === 0 ? '' : `-${hash('sha256', JSON.stringify(overrides)).slice(0, 8)}`
  return `${version}${configured}`
}
