import type { Charge } from '../../domain/ports/money/ledger.ts'
import type { CostSums } from '../../domain/ports/money/ledger-queries.ts'
import { UsageState } from '../../domain/types.ts'

/** Sums that grow. */
export type Sums = { -readonly [Name in keyof Omit<CostSums, 'keys'>]: CostSums[Name] }

export function emptySums(): Sums {
  return {
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
export function addCharge(sums: Sums, { outcome, ending }: Charge): void {
  const { state, tokens, cost, saved } = outcome
  if (ending) sums.calls++
  if (ending && ending.code !== 0) sums.errors++
  if (state === UsageState.CACHED || state === UsageState.REPLAYED) sums.cachedCalls++
  if (!cost) sums.unpricedCalls++
  sums.input += whole(tokens.input ?? 0)
  sums.output += whole(tokens.output ?? 0)
  sums.cachedInput += whole(tokens.cachedInput ?? 0)
  sums.cacheWrite += whole(tokens.cacheWrite ?? 0)
  sums.reasoning += whole(tokens.reasoning ?? 0)
  sums.cost += whole(cost ? cost.input + cost.output : 0)
  sums.saved += whole(saved ?? 0)
}

export function addSums(sums: Sums, other: Readonly<Sums>): void {
  sums.calls += other.calls
  sums.errors += other.errors
  sums.cachedCalls += other.cachedCalls
  sums.unpricedCalls += other.unpricedCalls
  sums.input += other.input
  sums.output += other.output
  sums.cachedInput += other.cachedInput
  sums.cacheWrite += other.cacheWrite
  sums.reasoning += other.reasoning
  sums.cost += other.cost
  sums.saved += other.saved
}

/** Sums are of whole numbers, whatever a vendor reported. */
function whole(count: number): bigint {
  return BigInt(Number.isFinite(count) ? Math.round(count) : 0)
}
