import type { Charge } from '../../domain/ports/money/ledger.ts'
import type { UsageSelection } from '../../domain/ports/money/ledger-queries.ts'

const NAMES = ['provider', 'model', 'alias', 'caller', 'userId', 'sessionId', 'operation'] as const

/** Whether a record is selected. */
export function matches(charge: Charge, selection: UsageSelection): boolean {
  return isInPeriod(charge, selection) && isNamed(charge, selection) && hasOutcome(charge, selection)
}

function isInPeriod({ facts: { time } }: Charge, { start, end }: UsageSelection): boolean {
  return time < end && (start === undefined || time >= start)
}

function isNamed({ facts }: Charge, selection: UsageSelection): boolean {
  if (selection.onlyCaller !== undefined && selection.onlyCaller !== facts.caller) return false
  if (NAMES.some((name) => selection[name] !== '' && selection[name] !== facts[name])) return false
  return Object.entries(selection.labels).every(([key, value]) => facts.labels[key] === value)
}

function hasOutcome({ outcome, ending }: Charge, { states, failed, finalOnly }: UsageSelection): boolean {
  if (states.length > 0 && !states.includes(outcome.state)) return false
  if (finalOnly && !ending) return false
  return !failed || (ending?.code ?? outcome.code) !== 0
}
