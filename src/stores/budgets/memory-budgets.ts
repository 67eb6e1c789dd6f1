import { type BudgetKey, type BudgetRule, neededBy } from '../../domain/budgets/budget-rule.ts'
import { Calendar } from '../../domain/budgets/calendar.ts'
import type { Clock } from '../../domain/clock.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import type { NanoDollars } from '../../domain/money.ts'
import type { BudgetStatus, Budgets, Extension, Hold, Refusal, Wanted } from '../../domain/ports/money/budgets.ts'
import type { BudgetShare } from '../../domain/ports/money/ledger.ts'
import type { BudgetBook, BudgetSpent } from '../../domain/ports/money/ledger-books.ts'
import { BudgetAccount } from './budget-account.ts'

/** Hears of every sum that a settled charge was added to. */
export type SettledObserver = (account: BudgetAccount) => void

/** Error of a call that cannot be counted. */
export function budgetsUnavailable(): GatewayError {
  return new GatewayError('BUDGETS_UNAVAILABLE', 'It is not known what the budgets have left. Try again later.')
}

/** Counts of one budget: its windows, and the accounts of its subjects in the current one. */
interface Ledger {
  readonly calendar: Calendar
  readonly accounts: Map<string, BudgetAccount>
}

/**
 * The sums of budgets in this process. Every operation is one step of the event loop, so that parallel calls cannot
 * reserve the same money. Subjects that spent nothing take no memory.
 */
export class MemoryBudgets implements Budgets {
  readonly #clock: Clock
  readonly #rules: ReadonlyMap<BudgetRule, Ledger>
  readonly #settled: SettledObserver
  readonly #book: BudgetBook | undefined
  /** Whether it is not known what was spent. */
  #isBlocked = false

  /** `book` keeps adjustments across restarts. */
  constructor(rules: readonly BudgetRule[], clock: Clock, settled: SettledObserver = () => {}, book?: BudgetBook) {
    this.#clock = clock
    this.#book = book
    this.#rules = new Map(rules.map((rule) => [rule, { calendar: new Calendar(rule), accounts: new Map() }]))
    this.#settled = settled
  }

  /** Until `restore`, budgets that refuse calls refuse all of them. */
  block(): void {
    this.#isBlocked = true
  }

  /** Adds what the ledger knows of the current windows. Sums of windows that began within the current one count. */
  restore(rows: readonly BudgetSpent[]): void {
    this.#isBlocked = false
    for (const [rule, { calendar }] of this.#rules) {
      const { start, end } = calendar.at(this.#clock.wall())
      for (const row of rows) {
        if (row.budget !== rule.name || row.windowStart < start || row.windowStart >= end) continue
        const account = this.accountOf({ rule, subject: row.subject })
        account.spent += Number(row.nano)
        account.restored += Number(row.nano)
        account.adjusted += Number(row.adjusted)
      }
    }
  }

  /** The start of the oldest current window, wall time in ms. */
  oldestStart(): number {
    const now = this.#clock.wall()
    return Math.min(now, ...[...this.#rules.values()].map(({ calendar }) => calendar.at(now).start))
  }

  accountOf(key: BudgetKey): BudgetAccount {
    const { calendar, accounts } = this.#ledgerOf(key.rule)
    const period = calendar.at(this.#clock.wall())
    const known = accounts.get(key.subject)
    if (known?.period === period) return known
    const account = new BudgetAccount(key, period)
    accounts.set(key.subject, account)
    return account
  }

  reserve(wanted: Wanted): Hold | Refusal {
    const { keys, amount } = wanted
    if (this.#isBlocked && keys.some(({ rule }) => rule.action === 'refuse')) throw budgetsUnavailable()
    const accounts = keys.map((key) => this.accountOf(key))
    let tightest: BudgetAccount | undefined
    for (const account of accounts) {
      const { action } = account.key.rule
      if (account.left < neededBy(account.key.rule, wanted)) return { refusedBy: account.status() }
      if (action === 'refuse' && (!tightest || account.left < tightest.left)) tightest = account
    }
    const headroom = tightest?.left ?? Number.POSITIVE_INFINITY
    return new MemoryHold(accounts, Math.min(amount, headroom), headroom, tightest?.status(), this.#settled)
  }

  /** Whether it is known what was spent. */
  get isReady(): boolean {
    return !this.#isBlocked
  }

  /** Reserves an amount without asking whether the budgets bear it. */
  hold(keys: readonly BudgetKey[], amount: NanoDollars): LocalHold {
    const accounts = keys.map((key) => this.accountOf(key))
    return new MemoryHold(accounts, amount, Number.POSITIVE_INFINITY, undefined, this.#settled)
  }

  statusOf(keys: readonly BudgetKey[]): readonly BudgetStatus[] {
    return this.peek(keys).map((account) => account.status())
  }

  /** The accounts of these budgets; those that nothing was spent from are not kept. */
  peek(keys: readonly BudgetKey[]): readonly BudgetAccount[] {
    return keys.map((key) => this.#peek(key))
  }

  async current(keys: readonly BudgetKey[]): Promise<readonly BudgetStatus[]> {
    return this.statusOf(keys)
  }

  async refresh(): Promise<void> {
    // Nobody else counts.
  }

  async adjust(key: BudgetKey, add: NanoDollars): Promise<BudgetStatus> {
    const account = this.accountOf(key)
    await this.#book?.adjustBudget(account.window, BigInt(add))
    account.adjusted += add
    return account.status()
  }

  list(): readonly BudgetStatus[] {
    return this.accounts().map((account) => account.status())
  }

  /** The accounts of the current windows; of a budget with one sum, also an empty one. */
  accounts(): readonly BudgetAccount[] {
    const now = this.#clock.wall()
    const current: BudgetAccount[] = []
    for (const [rule, { calendar, accounts }] of this.#rules) {
      const period = calendar.at(now)
      for (const [subject, account] of accounts) {
        if (account.period === period) current.push(account)
        else if (account.reserved === 0) accounts.delete(subject)
      }
      const hasOneSum = rule.scope === 'global' || rule.shared
      if (hasOneSum && accounts.get('')?.period !== period) current.push(this.#peek({ rule, subject: '' }))
    }
    return current
  }

  /** The account, or an empty one that is not kept. */
  #peek(key: BudgetKey): BudgetAccount {
    const { calendar, accounts } = this.#ledgerOf(key.rule)
    const period = calendar.at(this.#clock.wall())
    const known = accounts.get(key.subject)
    return known?.period === period ? known : new BudgetAccount(key, period)
  }

  #ledgerOf(rule: BudgetRule): Ledger {
    const found = this.#rules.get(rule)
    if (!found) throw new Error(`there is no budget ${rule.name}`)
    return found
  }
}

/** A hold whose budgets are asked elsewhere. */
export interface LocalHold extends Hold {
  /** Reserves more. */
  add(more: NanoDollars): void
}

class MemoryHold implements LocalHold {
  readonly headroom: NanoDollars
  readonly tightest: BudgetStatus | undefined
  readonly #accounts: readonly BudgetAccount[]
  readonly #settled: SettledObserver
  #amount: NanoDollars
  #isOpen = true

  constructor(
    accounts: readonly BudgetAccount[],
    amount: NanoDollars,
    headroom: NanoDollars,
    tightest: BudgetStatus | undefined,
    settled: SettledObserver,
  ) {
    this.#accounts = accounts
    this.#amount = amount
    this.headroom = headroom
    this.tightest = tightest
    this.#settled = settled
    for (const account of accounts) account.reserved += amount
  }

  get amount(): NanoDollars {
    return this.#amount
  }

  extend(more: NanoDollars): Extension {
    if (!this.#isOpen) return { added: 0, refusedBy: undefined }
    let added = more
    let refusedBy: BudgetAccount | undefined
    for (const account of this.#accounts) {
      if (account.key.rule.action !== 'refuse' || account.left >= added) continue
      added = Math.max(0, account.left)
      refusedBy = account
    }
    for (const account of this.#accounts) account.reserved += added
    this.#amount += added
    return { added, refusedBy: refusedBy?.status() }
  }

  add(more: NanoDollars): void {
    if (!this.#isOpen) return
    for (const account of this.#accounts) account.reserved += more
    this.#amount += more
  }

  settle(cost: NanoDollars): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    for (const account of this.#accounts) {
      account.reserved -= this.#amount
      account.spent += cost
      this.#settled(account)
    }
  }

  shares(nano: NanoDollars): readonly BudgetShare[] {
    return this.#accounts.map(({ key, period }) => ({
      budget: key.rule.name,
      subject: key.subject,
      windowStart: period.start,
      nano,
    }))
  }

  status(): readonly BudgetStatus[] {
    return this.#accounts.map((account) => account.status())
  }
}
