import type { NanoDollars } from '../../domain/money.ts'
import type { BudgetStatus } from '../../domain/ports/money/budgets.ts'
import { type BudgetAccount, limitWith } from './budget-account.ts'

/** What all gateways together have spent of an account, as Redis said last. */
interface SharedSum {
  readonly spent: NanoDollars
  readonly reserved: NanoDollars
  readonly added: NanoDollars
  /** What this gateway had spent and reserved itself when it asked. */
  readonly own: NanoDollars
  /** Sums of the other gateways, which are written to Redis again if it loses them. */
  readonly others: string
}

/** What Redis said last of the sums of each account. */
export class SharedSums {
  readonly #seen = new WeakMap<BudgetAccount, SharedSum>()

  /** A reply's sums of an account, `spent:reserved:added|others`. Returns what could still be reserved. */
  see(account: BudgetAccount, sums: string, own: NanoDollars): NanoDollars {
    const end = sums.indexOf('|')
    const [spent = 0, reserved = 0, added = 0] = sums.slice(0, end).split(':').map(Number)
    this.#seen.set(account, { spent, reserved, added, own, others: sums.slice(end + 1) })
    return limitWith(account.key.rule.limit, added) - spent - reserved
  }

  has(account: BudgetAccount): boolean {
    return this.#seen.has(account)
  }

  othersOf(account: BudgetAccount): string {
    return this.#seen.get(account)?.others ?? ''
  }

  /** What can still be reserved; may be negative. */
  leftOf(account: BudgetAccount): NanoDollars {
    const seen = this.#seen.get(account)
    if (!seen) return account.left
    return limitWith(account.key.rule.limit, seen.added) - seen.spent - seen.reserved - (ownOf(account) - seen.own)
  }

  /** What all gateways spent, with what this one did since it asked. */
  statusOf(account: BudgetAccount): BudgetStatus {
    const status = account.status()
    const seen = this.#seen.get(account)
    if (!seen) return status
    const since = ownOf(account) - seen.own
    const reserved = Math.max(account.reserved, seen.reserved)
    const spent = Math.max(account.spent, seen.spent + seen.reserved + since - reserved)
    return { ...status, spent, reserved, adjusted: seen.added, limit: limitWith(account.key.rule.limit, seen.added) }
  }
}

/** What this gateway has spent and reserved. */
export function ownOf({ spent, reserved }: BudgetAccount): NanoDollars {
  return spent + reserved
}
