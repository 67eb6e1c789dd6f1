import type { Bill, NanoDollars } from '../money.ts'
import { type Usage, UsageState } from '../types.ts'
import type { AttemptCharge, AttemptRecord } from './call-record.ts'

/** What several attempts are charged. */
export interface ChargedSum {
  readonly usage: Usage | undefined
  /** Undefined when no price is known. */
  readonly cost: NanoDollars | undefined
}

/** What the attempts that have ended are charged in all; undefined when none of them is charged. */
export function chargedSum(attempts: readonly AttemptRecord[]): ChargedSum | undefined {
  let sum: ChargedSum | undefined
  for (const { charged } of attempts) {
    if (!charged || charged.state === UsageState.NO_CHARGE) continue
    const cost = charged.cost && charged.cost.input + charged.cost.output
    sum = sum ? { usage: both(sum.usage, charged.usage), cost: plus(sum.cost, cost) } : { usage: charged.usage, cost }
  }
  return sum
}

const COUNTS = ['input', 'output', 'total', 'cachedInput', 'cacheWrite', 'reasoning'] as const

function both(a: Usage | undefined, b: Usage | undefined): Usage | undefined {
  if (!a || !b) return a ?? b
  const sum: Usage = { $typeName: 'llmgateway.v1.Usage', estimated: a.estimated || b.estimated }
  for (const name of COUNTS) {
    const count = plus(a[name], b[name])
    if (count !== undefined) sum[name] = count
  }
  return sum
}

function plus(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : a + b
}

/** The charge of an attempt that was several requests. Its cost is unknown if that of one of them is. */
export function sumOfCharges(charges: readonly AttemptCharge[]): AttemptCharge | undefined {
  return charges.reduce<AttemptCharge | undefined>(
    (sum, charge) =>
      sum
        ? { state: stateOfBoth(sum, charge), usage: both(sum.usage, charge.usage), cost: costOfBoth(sum, charge) }
        : charge,
    undefined,
  )
}

function stateOfBoth({ state: a }: AttemptCharge, { state: b }: AttemptCharge): UsageState {
  const isEither = (state: UsageState) => a === state || b === state
  if (isEither(UsageState.ESTIMATED)) return UsageState.ESTIMATED
  return isEither(UsageState.SETTLED) ? UsageState.SETTLED : UsageState.NO_CHARGE
}

function costOfBoth({ cost: a }: AttemptCharge, { cost: b }: AttemptCharge): Bill | undefined {
  return a && b && { input: a.input + b.input, output: a.output + b.output }
}
