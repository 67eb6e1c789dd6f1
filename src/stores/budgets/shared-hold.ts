import type { BudgetKey } from '../../domain/budgets/budget-rule.ts'
import type { NanoDollars } from '../../domain/money.ts'
import type { BudgetStatus, Extension, Hold, Wanted } from '../../domain/ports/money/budgets.ts'
import type { BudgetShare } from '../../domain/ports/money/ledger.ts'
import type { BudgetAccount } from './budget-account.ts'
import type { LocalHold } from './memory-budgets.ts'

/** What a hold needs of the budgets that made it. */
export interface SharedHoldOwner {
  extend(hold: SharedHold, more: NanoDollars, step: number): Promise<Extension | undefined>
  /** What this gateway may add without asking. */
  leaseOf(account: BudgetAccount): NanoDollars
  settled(hold: SharedHold): void
}

export interface SharedHoldOptions {
  readonly headroom: NanoDollars
  readonly tightest: BudgetStatus | undefined
  readonly accounts: readonly BudgetAccount[]
}

/** What an attempt has reserved among all gateways, and in the sums of this one. */
export class SharedHold implements Hold {
  readonly id: string
  readonly keys: readonly BudgetKey[]
  readonly headroom: NanoDollars
  readonly tightest: BudgetStatus | undefined
  readonly accounts: readonly BudgetAccount[]
  readonly #owner: SharedHoldOwner
  readonly #local: LocalHold
  #steps = 1
  #isOpen = true

  constructor(owner: SharedHoldOwner, { id, keys }: Wanted, local: LocalHold, options: SharedHoldOptions) {
    this.id = id
    this.keys = keys
    this.#owner = owner
    this.#local = local
    this.headroom = options.headroom
    this.tightest = options.tightest
    this.accounts = options.accounts
  }

  get amount(): NanoDollars {
    return this.#local.amount
  }

  async extend(more: NanoDollars): Promise<Extension> {
    const extension = (await this.#owner.extend(this, more, ++this.#steps)) ?? this.#fromLease(more)
    if (!this.#isOpen) return { added: 0, refusedBy: undefined }
    this.#local.add(extension.added)
    return extension.added >= more ? { added: extension.added, refusedBy: undefined } : extension
  }

  settle(cost: NanoDollars): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#local.settle(cost)
    this.#owner.settled(this)
  }

  shares(nano: NanoDollars): readonly BudgetShare[] {
    return this.#local.shares(nano)
  }

  status(): readonly BudgetStatus[] {
    return this.#local.status()
  }

  #fromLease(more: NanoDollars): Extension {
    let added = more
    let refusedBy: BudgetStatus | undefined
    for (const account of this.accounts) {
      if (account.key.rule.action !== 'refuse') continue
      const left = this.#owner.leaseOf(account)
      if (left >= added) continue
      added = Math.max(0, left)
      refusedBy = account.status()
    }
    return { added, refusedBy }
  }
}
