import type { CostSums, LedgerQueries, UsageSelection } from '../../../domain/ports/money/ledger-queries.ts'
import { CostGroup } from '../../../domain/types.ts'

export interface CallerSums {
  readonly queries: LedgerQueries
  readonly selection: UsageSelection
  readonly timeZone: string
  /** The first caller that is of interest; undefined for all. */
  readonly from: string | undefined
  /** Number of users after which those of further callers are left out. */
  readonly enough: number
}

/**
 * Sums of each caller's users, in no order. A summary holds a limited number of rows: where there are more, the callers are
 * asked for one by one, in their order, until there are enough.
 */
export async function sumsByCaller({ queries, selection, timeZone, from, enough }: CallerSums): Promise<CostSums[]> {
  const summarize = (groups: readonly CostGroup[], caller = selection.caller) =>
    queries.summarize({ ...selection, caller }, { groups, labelKey: '', timeZone })
  const whole = await summarize([CostGroup.CALLER, CostGroup.USER])
  if (!whole.truncated) return [...whole.rows]
  const { rows: callers } = await summarize([CostGroup.CALLER])
  const names = callers.map(({ keys: [name = ''] }) => name).sort()
  const found: CostSums[] = []
  for (const name of names.filter((name) => from === undefined || name >= from)) {
    if (found.length > enough) break
    found.push(...(await summarize([CostGroup.CALLER, CostGroup.USER], name)).rows)
  }
  return found
}
