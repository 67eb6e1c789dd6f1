import type { ConditionalPrice, MatchLogic, ModelInfo, ModelPrice } from '@pydantic/genai-prices'
import { z } from 'zod'
import { isNameOf } from './model-names.ts'

/** A vendor of a price list. */
export interface ListedVendor {
  find(model: string): ModelInfo | undefined
}

const price = z.number().nonnegative()
const match: z.ZodType<MatchLogic> = z.lazy(() =>
  z.union([
    z.object({ equals: z.string() }),
    z.object({ starts_with: z.string() }),
    z.object({ ends_with: z.string() }),
    z.object({ contains: z.string() }),
    z.object({ regex: z.string().refine(isPattern, 'must be a regular expression') }),
    z.object({ or: z.array(match) }),
    z.object({ and: z.array(match) }),
  ]),
)
const tiers = z.array(z.object({ start: z.number().nonnegative(), price }))
const sheet = z.record(z.string(), z.union([price, z.object({ base: price, tiers })]))
const startDate = z.object({ start_date: z.iso.date() })
const time = z.string().regex(/^\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/, 'must be a time such as 16:30:00Z')
const timeOfDay = z.object({ start_time: time, end_time: time })
const prices = z.union([
  z.array(z.object({ constraint: z.union([startDate, timeOfDay]).nullish(), prices: sheet })).min(1),
  sheet,
])
const vendor = z.object({
  id: z.string(),
  models: z.array(z.object({ id: z.string(), match, context_window: z.int().positive().nullish(), prices })),
})

/** Reads the vendors of a list by id. Throws an Error that names the first wrong entry. */
export function readListedVendors(tree: readonly unknown[]): ReadonlyMap<string, ListedVendor> {
  const read = z.array(vendor).safeParse(tree)
  if (!read.success) {
    const [issue] = read.error.issues
    throw new Error(`is not a price list: ${nameOf(tree, issue?.path ?? [])}${issue?.message}`)
  }
  return new Map(read.data.map(({ id, models }) => [id, listedVendor(models.map(toInfo))]))
}

/** The vendor and the model at a path, for a message. */
function nameOf(tree: unknown, path: readonly PropertyKey[]): string {
  const ids: string[] = []
  let node = tree
  for (const key of path) {
    // What is no object has no such member.
    node = typeof node === 'object' && node !== null ? (node as Record<PropertyKey, unknown>)[key] : undefined
    if (typeof node === 'object' && node !== null && 'id' in node) ids.push(String(node.id))
  }
  const rest = path.filter((key) => typeof key === 'string' && key !== 'models').join('.')
  return [...ids, rest]
    .filter((part) => part !== '')
    .map((part) => `${part}: `)
    .join('')
}

function isPattern(source: string): boolean {
  try {
    return new RegExp(source) instanceof RegExp
  } catch {
    return false
  }
}

type Entry = z.output<typeof vendor>['models'][number]

function toInfo({ id, match, context_window, prices }: Entry): ModelInfo {
  return {
    id,
    match,
    ...(context_window && { context_window }),
    prices: Array.isArray(prices) ? prices.map(toConditional) : toSheet(prices),
  }
}

type Conditional = Extract<Entry['prices'], readonly unknown[]>[number]

function toConditional({ constraint, prices }: Conditional): ConditionalPrice {
  if (!constraint) return { prices: toSheet(prices) }
  return {
    prices: toSheet(prices),
    constraint:
      'start_date' in constraint ? { type: 'start_date', ...constraint } : { type: 'time_of_date', ...constraint },
  }
}

/** The tiers of a sheet have the fields of the list's class. */
function toSheet(prices: z.output<typeof sheet>): ModelPrice {
  return prices
}

function listedVendor(models: readonly ModelInfo[]): ListedVendor {
  return {
    find(model) {
      const info = models.find(({ match }) => matches(match, model.toLowerCase()))
      return info && isNameOf(info, model.toLowerCase()) ? info : undefined
    },
  }
}

/** Whether a pattern matches a name in lower case. */
function matches(match: MatchLogic, model: string): boolean {
  if ('or' in match) return match.or.some((one) => matches(one, model))
  if ('and' in match) return match.and.every((one) => matches(one, model))
  if ('equals' in match) return model === match.equals.toLowerCase()
  if ('starts_with' in match) return model.startsWith(match.starts_with.toLowerCase())
  if ('ends_with' in match) return model.endsWith(match.ends_with.toLowerCase())
  if ('contains' in match) return model.includes(match.contains.toLowerCase())
  return new RegExp(match.regex).test(model)
}
