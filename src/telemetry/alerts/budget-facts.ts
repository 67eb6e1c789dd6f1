import { dollars } from '../../domain/money.ts'
import type { BudgetLevel } from '../../domain/ports/money/budget-level.ts'
import type { Alert, AlertData } from './alert.ts'
import type { AlertEvent } from './settings.ts'

const DAY = 24 * 3_600_000
/** Until then the alert of a budget that never starts again comes once, wall time in ms. */
const NEVER = Date.UTC(2100, 0, 1)
/** Charges of a window may be settled this long after its end, in ms. */
const LATE_CHARGES = DAY
/** Longest name in a summary: callers choose some of them. */
const MAX_NAME = 100

/** Distinguishes what is alerted once in a window of a budget. */
export function budgetIdentity(
  event: AlertEvent,
  { budget, subject, window, windowStart }: BudgetLevel,
  ...rest: readonly (string | number)[]
): string {
  return JSON.stringify([event, budget, subject, window, windowStart, ...rest])
}

export function budgetData(level: BudgetLevel, threshold: number): AlertData {
  const { budget, scope, subject, window, resetsAt, spent, limit } = level
  return {
    budget,
    scope,
    subject,
    window,
    threshold,
    spent_usd: dollars(spent),
    limit_usd: dollars(limit),
    resets_at: resetsAt === undefined ? null : new Date(resetsAt).toISOString(),
  }
}

export function endOf({ resetsAt }: BudgetLevel): Pick<Alert, 'endsAt'> {
  return resetsAt === undefined ? {} : { endsAt: resetsAt }
}

/** When the same alert may come again, wall time in ms. */
export function expiryOf({ resetsAt }: BudgetLevel): number {
  return resetsAt === undefined ? NEVER : resetsAt + LATE_CHARGES
}

export function percent(part: number): string {
  return `${Math.round(part * 1e4) / 100} %`
}

/** A name that callers may have chosen, on one line and not too long. */
export function safeName(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
  return line.length > MAX_NAME ? `${line.slice(0, MAX_NAME - 1)}…` : line
}

/** The budget and whom it is for. */
export function budgetName({ budget, subject }: BudgetLevel): string {
  return subject === '' ? `budget ${budget}` : `budget ${budget} of ${safeName(subject)}`
}
