import type { NanoDollars } from '../money.ts'
import { type Usage, UsageState } from '../types.ts'
import type { AttemptRecord } from './call-record.ts'

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
