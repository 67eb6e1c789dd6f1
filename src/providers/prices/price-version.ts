import { hash } from 'node:crypto'
import type { FilePrices, PriceSettings } from './settings.ts'

/** Identifies the prices of a gateway: its version, which comes with a list, and a hash of what is configured. */
export function priceVersion(
  version: string,
  { overrides = {}, multipliers = {} }: Partial<PriceSettings>,
  file: FilePrices | undefined,
): string {
  const isConfigured = file !== undefined || [overrides, multipliers].some((entries) => Object.keys(entries).length > 0)
  if (!isConfigured) return version
  return `${version}-${hash('sha256', JSON.stringify([overrides, multipliers, file?.version])).slice(0, 8)}`
}
