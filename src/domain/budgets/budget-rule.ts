import type { NanoDollars } from '../money.ts'
import type { BudgetScopeName, BudgetWindowName } from '../ports/money/budget-level.ts'

export const budgetScopes = ['global', 'provider', 'caller', 'user', 'label'] as const
export const budgetWindows = ['day', 'week', 'month', 'total'] as const
/** What happens to calls that a spent budget does not bear. */
export const budgetActions = ['refuse', 'avoid', 'alert'] as const
export const budgetReserves = ['typical', 'worst'] as const
export const weekDays = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const

/**
 * - `refuse`: calls are refused, and streams are cut.
 * - `avoid`: targets are skipped; a call is refused when none is left. Running calls go on.
 * - `alert`: calls are counted only.
 */
export type BudgetAction = (typeof budgetActions)[number]

/** A configured budget. It applies to each of its subjects on its own, unless it is shared. */
export interface BudgetRule {
  readonly name: string
  readonly scope: BudgetScopeName
  /** Glob over providers, callers or users; undefined for all of them, and for other scopes. */
  readonly match?: string | undefined
  /** Values of labels, by their keys; `*` stands for any value. Empty unless the scope is `label`. */
  readonly labels: Readonly<Record<string, string>>
  /** Whether all of its subjects together have one sum. */
  readonly shared: boolean
  readonly limit: NanoDollars
  readonly window: BudgetWindowName
  /** IANA zone of the window's calendar. */
  readonly timeZone: string
  /** First day of a week. */
  readonly weekStart: (typeof weekDays)[number]
  readonly action: BudgetAction
  /** What a stream reserves when it begins: what such calls typically cost, or the most that it can cost. */
  readonly reserve: (typeof budgetReserves)[number]
  /** Whether a call that reserves all that it may cost is given fewer output tokens where the budget bears no more. */
  readonly fit: boolean
}

/** One subject of a budget, with a sum of its own. */
export interface BudgetKey {
  readonly rule: BudgetRule
  /** The provider, the caller, `caller/user` or `label=value`; empty for a global or shared budget. */
  readonly subject: string
}

/** What an attempt wants to reserve, and the least of it with which a shortened response is worth asking for. */
export interface WantedAmounts {
  readonly amount: NanoDollars
  readonly least: NanoDollars
}

/** What a budget must bear of an attempt: nothing if it only counts, the least if it may shorten responses. */
export function neededBy({ action, fit }: BudgetRule, { amount, least }: WantedAmounts): NanoDollars {
  if (action === 'alert') return Number.NEGATIVE_INFINITY
  return fit && action === 'refuse' ? least : amount
}

export const defaultBudget = {
  shared: false,
  timeZone: 'UTC',
  weekStart: 'monday',
  action: 'refuse',
  reserve: 'typical',
  fit: true,
} as const
