import type { NanoDollars } from '../../domain/money.ts'
import type { BudgetAccount } from './budget-account.ts'
import { ownOf, type SharedSums } from './shared-sums.ts'

/** Part of a limit that a gateway may spend while it cannot ask Redis. */
export const LEASE_PART = 0.02

/** A lease of one account. */
interface Lease {
  /** What the gateway had spent and reserved when it began. */
  readonly since: NanoDollars
  readonly amount: NanoDollars
}

/** What a gateway may spend of each account while it cannot ask Redis: a small part of the limit that was left. */
export class BudgetLeases {
  readonly #sums: SharedSums
  readonly #leases = new WeakMap<BudgetAccount, Lease>()

  constructor(sums: SharedSums) {
    this.#sums = sums
  }

  /** What the lease bears; begins one where there is none. May be negative. */
  leftOf(account: BudgetAccount): NanoDollars {
    const { since, amount } = this.#leases.get(account) ?? this.#begin(account)
    return amount - (ownOf(account) - since)
  }

  /** Redis knows again what was spent. */
  end(account: BudgetAccount): void {
    this.#leases.delete(account)
  }

  #begin(account: BudgetAccount): Lease {
    const part = Math.floor(account.key.rule.limit * LEASE_PART)
    const lease = { since: ownOf(account), amount: Math.min(part, this.#sums.leftOf(account)) }
    this.#leases.set(account, lease)
    return lease
  }
}
