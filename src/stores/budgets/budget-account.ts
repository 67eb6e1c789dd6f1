import type { BudgetKey } from '../../domain/budgets/budget-rule.ts'
import type { Period } from '../../domain/budgets/calendar.ts'
import type { NanoDollars } from '../../domain/money.ts'
import type { BudgetStatus } from '../../domain/ports/money/budgets.ts'
import type { BudgetWindow } from '../../domain/ports/money/ledger-books.ts'

/** A limit with what operators added to it. */
export function limitWith(limit: NanoDollars, adjusted: NanoDollars): NanoDollars {
  return Math.max(0, limit + adjusted)
}

/** The sum of one subject of a budget in one window. */
export class BudgetAccount {
  readonly key: BudgetKey
  readonly period: Period
  spent: NanoDollars = 0
  /** Part of `spent` that the ledger knew of when the process began. */
  restored: NanoDollars = 0
  reserved: NanoDollars = 0
  adjusted: NanoDollars = 0
  /** The highest threshold that was reported, as a part of the limit. */
  announced = 0

  constructor(key: BudgetKey, period: Period) {
    this.key = key
    this.period = period
  }

  /** What may be spent, at least 0: operators may have taken away more than there was. */
  get limit(): NanoDollars {
    return limitWith(this.key.rule.limit, this.adjusted)
  }

  /** What can still be reserved; may be negative. */
  get left(): NanoDollars {
    return this.limit - this.spent - this.reserved
  }

  /** As the ledger names it. */
  get window(): BudgetWindow {
    const { key, period } = this
    return { budget: key.rule.name, subject: key.subject, windowStart: period.start }
  }

  status(): BudgetStatus {
    const { key, period, spent, reserved, adjusted, limit } = this
    const { rule, subject } = key
    return {
      key,
      budget: rule.name,
      scope: rule.scope,
      subject,
      window: rule.window,
      windowStart: period.start,
      resetsAt: period.end === Number.POSITIVE_INFINITY ? undefined : period.end,
      spent,
      reserved,
      adjusted,
      limit,
    }
  }
}
