import { costOf } from '../../domain/money.ts'
import type { ModelFacts } from '../../domain/ports/provider.ts'
import type { Cost, Usage } from '../../domain/types.ts'

/** Token counts as a vendor reports them; values that cannot be counts are not used. */
export interface ReportedUsage {
  readonly input?: unknown
  readonly output?: unknown
  readonly cachedInput?: unknown
  readonly cacheWrite?: unknown
  readonly reasoning?: unknown
  readonly total?: unknown
  readonly cacheWrite1h?: unknown
  readonly inputAudio?: unknown
  readonly outputAudio?: unknown
  readonly inputImage?: unknown
  readonly outputImage?: unknown
  readonly webSearches?: unknown
  readonly serviceTier?: unknown
}

export const COUNTS = ['input', 'output', 'cachedInput', 'cacheWrite', 'reasoning', 'total'] as const
/** Parts of the counts above that have their own price. Most replies report them as 0, which says nothing. */
export const PRICED_PARTS = [
  'cacheWrite1h',
  'inputAudio',
  'outputAudio',
  'inputImage',
  'outputImage',
  'webSearches',
] as const
const MAX_COUNT = 2 ** 32

/** Words for the tier that list prices are stated for. */
const STANDARD_TIERS: readonly unknown[] = ['default', 'standard', 'auto', 'on_demand']

/**
 * The usage that a vendor reports; undefined if it reports none. Absent counts stay absent, and 0 stays 0. A value that
 * cannot be a count (negative, a fraction, a text) marks the usage as estimated.
 */
export function usageFrom(reported: ReportedUsage): Usage | undefined {
  const usage: Usage = { $typeName: 'llmgateway.v1.Usage', estimated: false }
  let some = false
  for (const name of COUNTS) {
    const value = reported[name]
    if (value === undefined || value === null) continue
    some = true
    if (isCount(value)) usage[name] = value
    else usage.estimated = true
  }
  if (!some) return undefined
  for (const name of PRICED_PARTS) {
    const value = reported[name]
    if (isCount(value) && value > 0) usage[name] = value
  }
  const { serviceTier } = reported
  if (isTier(serviceTier)) usage.serviceTier = serviceTier
  return usage
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < MAX_COUNT
}

function isTier(value: unknown): value is string {
  return typeof value === 'string' && /^[\w-]{1,32}$/.test(value) && !STANDARD_TIERS.includes(value)
}

/** Adds the total if the vendor did not report it. */
export function withTotal(usage: Usage): Usage {
  if (usage.total !== undefined || usage.input === undefined || usage.output === undefined) return usage
  return { ...usage, total: usage.input + usage.output }
}

/**
 * The cost of a call at the price of the model that was asked, or else of the one that answered. `sink` gets what
 * the caller should know about it.
 */
export function costOfUsage(
  usage: Usage,
  model: string,
  responseModel: string,
  describe: (model: string) => ModelFacts,
  sink?: { warn(warning: string): void },
): Cost | undefined {
  const price = describe(model).price ?? (responseModel ? describe(responseModel).price : undefined)
  const bill = price?.bill(usage)
  if (!bill) return undefined
  if (bill.tierUnknown) {
    sink?.warn(
      `The price of service tier "${usage.serviceTier}" is not known: the cost is stated at the standard price.`,
    )
  }
  return costOf(bill, usage.estimated || bill.tierUnknown === true)
}
