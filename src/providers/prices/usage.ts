import { costOf } from '../../domain/money.ts'
import type { ModelFacts } from '../../domain/ports/provider.ts'
import type { Cost, Usage } from '../../domain/types.ts'

/** Token counts as a vendor reports them, believed only if they can be counts. */
export interface ReportedUsage {
  readonly input?: unknown
  readonly output?: unknown
  readonly cachedInput?: unknown
  readonly cacheWrite?: unknown
  readonly reasoning?: unknown
  readonly total?: unknown
}

const COUNTS = ['input', 'output', 'cachedInput', 'cacheWrite', 'reasoning', 'total'] as const
const MAX_COUNT = 2 ** 32

/**
 * The usage that a vendor reports; undefined when it reports none. What is absent stays absent, a 0 is a 0. A count that
 * cannot be one (negative, a fraction, a text) marks the usage as one to be estimated.
 */
export function usageFrom(reported: ReportedUsage): Usage | undefined {
  const usage: Usage = { $typeName: 'llmgateway.v1.Usage', estimated: false }
  let some = false
  for (const name of COUNTS) {
    const value = reported[name]
    if (value === undefined || value === null) continue
    some = true
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < MAX_COUNT) usage[name] = value
    else usage.estimated = true
  }
  return some ? usage : undefined
}

/** `total` alone may be computed. */
export function withTotal(usage: Usage): Usage {
  if (usage.total !== undefined || usage.input === undefined || usage.output === undefined) return usage
  return { ...usage, total: usage.input + usage.output }
}

/** The cost of a call at the price of the model that was asked, or else of the one that answered. */
export function costOfUsage(
  usage: Usage,
  model: string,
  responseModel: string,
  describe: (model: string) => ModelFacts,
): Cost | undefined {
  const price = describe(model).price ?? (responseModel ? describe(responseModel).price : undefined)
  const bill = price?.bill(usage)
  return bill && costOf(bill, usage.estimated)
}
