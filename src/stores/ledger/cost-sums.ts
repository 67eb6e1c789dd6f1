import type { Charge } from '../../domain/ports/ledger.ts'
import type { CostGrouping, CostSummary, CostSums } from '../../domain/ports/ledger-queries.ts'
import { dayFormat } from '../../domain/time-zone.ts'
import { CostGroup, UsageState } from '../../domain/types.ts'

/** Most rows of a summary. */
const MAX_ROWS = 10_000

type Sums = { -readonly [Name in keyof CostSums]: CostSums[Name] }

/** Sums records by their groups. */
export function summarize(charges: Iterable<Charge>, grouping: CostGrouping): CostSummary {
  const keysOf = keyReader(grouping)
  const total = emptySums([])
  const rows = new Map<string, Sums>()
  let truncated = false
  for (const charge of charges) {
    add(total, charge)
    if (grouping.groups.length === 0) continue
    const keys = keysOf(charge)
    const id = keys.join('\0')
    const row = rows.get(id)
    if (row) add(row, charge)
    else if (rows.size >= MAX_ROWS) truncated = true
    else rows.set(id, add(emptySums(keys), charge))
  }
  return { rows: [...rows.values()].sort((a, b) => compare(b.cost, a.cost)), total, truncated }
}

function keyReader({ groups, labelKey, timeZone }: CostGrouping): (charge: Charge) => string[] {
  const dayOf = dayFormat(timeZone)
  const readers = groups.map((group): ((charge: Charge) => string) => {
    switch (group) {
      case CostGroup.PROVIDER:
        return ({ facts }) => facts.provider
      case CostGroup.MODEL:
        return ({ facts }) => facts.model
      case CostGroup.ALIAS:
        return ({ facts }) => facts.alias
      case CostGroup.CALLER:
        return ({ facts }) => facts.caller
      case CostGroup.USER:
        return ({ facts }) => facts.userId
      case CostGroup.SESSION:
        return ({ facts }) => facts.sessionId
      case CostGroup.OPERATION:
        return ({ facts }) => facts.operation
      case CostGroup.DAY:
        return ({ facts }) => dayOf(facts.time)
      case CostGroup.HOUR:
        return ({ facts }) => `${new Date(facts.time).toISOString().slice(0, 13)}:00:00Z`
      case CostGroup.LABEL:
        return ({ facts }) => facts.labels[labelKey] ?? ''
      case CostGroup.UNSPECIFIED:
        return () => ''
      default:
        return group satisfies never
    }
  })
  return (charge) => readers.map((read) => read(charge))
}

function emptySums(keys: readonly string[]): Sums {
  return {
    keys,
    calls: 0,
    errors: 0,
    cachedCalls: 0,
    unpricedCalls: 0,
    input: 0n,
    output: 0n,
    cachedInput: 0n,
    cacheWrite: 0n,
    reasoning: 0n,
    cost: 0n,
    saved: 0n,
  }
}

/** Calls and errors are counted on the final record of a call, tokens and money on every record. */
function add(sums: Sums, { outcome, ending }: Charge): Sums {
  const { state, tokens, cost, saved } = outcome
  if (ending) sums.calls++
  if (ending && ending.code !== 0) sums.errors++
  if (state === UsageState.CACHED || state === UsageState.REPLAYED) sums.cachedCalls++
  if (!cost) sums.unpricedCalls++
  sums.input += BigInt(tokens.input ?? 0)
  sums.output += BigInt(tokens.output ?? 0)
  sums.cachedInput += BigInt(tokens.cachedInput ?? 0)
  sums.cacheWrite += BigInt(tokens.cacheWrite ?? 0)
  sums.reasoning += BigInt(tokens.reasoning ?? 0)
  sums.cost += BigInt(cost ? cost.input + cost.output : 0)
  sums.saved += BigInt(saved ?? 0)
  return sums
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}
