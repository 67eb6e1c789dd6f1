import type { NanoDollars } from '../../domain/money.ts'
import type { BudgetBook } from '../../domain/ports/money/ledger-books.ts'
import type { BudgetAccount } from './budget-account.ts'
import type { SharedSteps } from './shared-steps.ts'

/**
 * What operators added to limits, written to Redis as the ledger has it. An addition is made once the ledger has it; what
 * Redis lacks is written with the next synchronization. Without a ledger that is kept, this gateway is its own.
 */
export class SharedAdjustments {
  readonly #steps: SharedSteps
  readonly #book: BudgetBook | undefined
  /** What Redis was seen to have, by account. */
  #written = new WeakMap<BudgetAccount, NanoDollars>()
  #losses = 0

  constructor(steps: SharedSteps, book: BudgetBook | undefined) {
    this.#steps = steps
    this.#book = book
  }

  /** Adds to a limit; returns whether Redis has it, too. Rejects when the ledger cannot be written: nothing is added. */
  async add(account: BudgetAccount, add: NanoDollars): Promise<boolean> {
    account.adjusted = this.#book ? await sumIn(this.#book, account, add) : account.adjusted + add
    return await this.write([account])
  }

  /** Writes what Redis lacks; returns whether that succeeded. */
  async write(accounts: readonly BudgetAccount[]): Promise<boolean> {
    if (this.#losses !== this.#steps.losses) this.#written = new WeakMap()
    this.#losses = this.#steps.losses
    const lacking = accounts.filter((account) => account.adjusted !== (this.#written.get(account) ?? 0))
    const written = await Promise.all(lacking.map((account) => this.#write(account)))
    return !written.includes(false)
  }

  async #write(account: BudgetAccount): Promise<boolean> {
    try {
      for (;;) {
        const { adjusted } = account
        if (!(await this.#steps.setAdjusted(account))) return false
        // Another gateway may have added something, and have written it before this one wrote less.
        if (this.#book) account.adjusted = await sumIn(this.#book, account, 0)
        if (account.adjusted !== adjusted) continue
        this.#written.set(account, adjusted)
        return true
      }
    } catch {
      return false
    }
  }
}

/** Adds to a limit in the ledger; resolves to the sum of all additions. */
async function sumIn(book: BudgetBook, { window }: BudgetAccount, add: NanoDollars): Promise<NanoDollars> {
  return Number(await book.adjustBudget(window, BigInt(add)))
}
