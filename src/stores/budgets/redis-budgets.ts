import { type BudgetKey, neededBy } from '../../domain/budgets/budget-rule.ts'
import type { NanoDollars } from '../../domain/money.ts'
import type { BudgetStatus, Budgets, Hold, Refusal, Wanted } from '../../domain/ports/money/budgets.ts'
import { type BudgetAccount, limitWith } from './budget-account.ts'
import { BudgetLeases } from './budget-leases.ts'
import { budgetsUnavailable, type LocalHold, type MemoryBudgets } from './memory-budgets.ts'
import { SharedAdjustments } from './shared-adjustments.ts'
import { SharedHold } from './shared-hold.ts'
import { type Reply, SharedSteps, type SharedStepsOptions, SYNC_INTERVAL } from './shared-steps.ts'

export interface RedisBudgetsOptions extends SharedStepsOptions {
  /** Sums of this gateway alone, with what its ledger knew when it began. */
  readonly local: MemoryBudgets
  /** Whether this gateway spends a small part of each budget while Redis is unavailable; otherwise calls are refused. */
  readonly leases: boolean
}

/**
 * The sums of all gateways on one Redis. Each gateway keeps its own part as well, and what it last heard of the others,
 * and can always set that again.
 */
export class RedisBudgets implements Budgets {
  readonly #options: RedisBudgetsOptions
  readonly #steps: SharedSteps
  readonly #leases: BudgetLeases
  readonly #adjustments: SharedAdjustments
  readonly #known = new Set<BudgetAccount>()
  readonly #open = new Map<string, SharedHold>()
  /** Whether Redis may lack something that this gateway has done. */
  #isStale = true
  #isClosed = false
  #inFlight = 0
  #stopTimer = () => {}
  #catchingUp: Promise<void> | undefined
  #refreshing: Promise<void> | undefined
  #onQuiet = () => {}

  constructor(options: RedisBudgetsOptions) {
    this.#options = options
    this.#steps = new SharedSteps(options)
    this.#leases = new BudgetLeases(this.#steps.sums)
    this.#adjustments = new SharedAdjustments(this.#steps, options.book)
  }

  /** Registers the gateway, and synchronizes at regular times from then on. */
  async start(): Promise<void> {
    await this.#renew()
    if (!this.#isClosed) this.#stopTimer = this.#options.clock.after(SYNC_INTERVAL, () => void this.start())
  }

  close(): void {
    this.#isClosed = true
    this.#stopTimer()
  }

  async reserve(wanted: Wanted): Promise<Hold | Refusal> {
    const { local } = this.#options
    const refuses = wanted.keys.some(({ rule }) => rule.action === 'refuse')
    if (!local.isReady && refuses) throw budgetsUnavailable()
    const accounts = wanted.keys.map((key) => local.accountOf(key))
    for (const account of accounts) this.#known.add(account)
    const reply = await this.#ask(wanted, accounts, 1)
    if (!reply) return this.#fromLease(wanted, accounts)
    const { granted, tightest, headroom } = reply
    if (granted < 0 && tightest) return { refusedBy: this.#statusOf(tightest) }
    return this.#hold(wanted, local.hold(wanted.keys, Math.max(0, granted)), accounts, headroom, tightest)
  }

  /** Reserves more for an attempt; undefined where Redis cannot be asked. */
  async extend(hold: SharedHold, more: NanoDollars, step: number) {
    const wanted = { id: hold.id, keys: hold.keys, amount: more, least: 0 }
    const reply = await this.#ask(wanted, hold.accounts, step)
    if (!reply) return undefined
    const { granted, tightest } = reply
    return { added: Math.max(0, granted), refusedBy: tightest && this.#statusOf(tightest) }
  }

  settled(hold: SharedHold): void {
    this.#open.delete(hold.id)
    void this.#steps.settle(hold).then((isSettled) => {
      if (!isSettled) this.#isStale = true
    })
  }

  statusOf(keys: readonly BudgetKey[]): readonly BudgetStatus[] {
    return this.#options.local.peek(keys).map((account) => this.#statusOf(account))
  }

  list(): readonly BudgetStatus[] {
    return this.#options.local.accounts().map((account) => this.#statusOf(account))
  }

  async current(keys: readonly BudgetKey[]): Promise<readonly BudgetStatus[]> {
    const accounts = this.#options.local.peek(keys)
    await this.#steps.read(accounts)
    return accounts.map((account) => this.#statusOf(account))
  }

  /** All that ask at the same time share one answer. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#steps.read(this.#accounts()).finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  async adjust(key: BudgetKey, add: NanoDollars): Promise<BudgetStatus> {
    const { local, store } = this.#options
    const account = local.accountOf(key)
    this.#known.add(account)
    await this.#renew()
    if (this.#isStale || !store.available) throw budgetsUnavailable()
    const adjusted = this.#statusOf(account).adjusted + add
    if (await this.#adjustments.add(account, add)) await this.#steps.read([account])
    const status = this.#statusOf(account)
    // It is made, whether Redis knows it yet or not.
    return status.adjusted === adjusted - add ? { ...status, ...adjustedTo(account, adjusted) } : status
  }

  /** What this gateway may spend of an account without asking. */
  leaseOf(account: BudgetAccount): NanoDollars {
    return this.#leases.leftOf(account)
  }

  #fromLease(wanted: Wanted, accounts: readonly BudgetAccount[]): Hold | Refusal {
    const { leases, local } = this.#options
    const refusing = accounts.filter(({ key }) => key.rule.action === 'refuse')
    if (!leases && refusing.length > 0) throw budgetsUnavailable()
    const refused = accounts.find((account) => this.leaseOf(account) < neededBy(account.key.rule, wanted))
    if (refused) return { refusedBy: this.#statusOf(refused) }
    const [tightest] = [...refusing].sort((a, b) => this.leaseOf(a) - this.leaseOf(b))
    const headroom = tightest ? this.leaseOf(tightest) : Number.POSITIVE_INFINITY
    this.#isStale = true
    const hold = local.hold(wanted.keys, Math.min(wanted.amount, headroom))
    return this.#hold(wanted, hold, accounts, headroom, tightest)
  }

  #hold(
    wanted: Wanted,
    local: LocalHold,
    accounts: readonly BudgetAccount[],
    headroom: NanoDollars,
    tightest: BudgetAccount | undefined,
  ): SharedHold {
    const options = { headroom, tightest: tightest && this.#statusOf(tightest), accounts }
    const shared = new SharedHold(this, wanted, local, options)
    this.#open.set(wanted.id, shared)
    return shared
  }

  #statusOf(account: BudgetAccount): BudgetStatus {
    return this.#steps.sums.statusOf(account)
  }

  /** Undefined where Redis cannot be asked, or does not know enough yet. */
  async #ask(wanted: Wanted, accounts: readonly BudgetAccount[], step: number): Promise<Reply | undefined> {
    const steps = this.#steps
    // Twice: Redis may turn out to have lost what it knew.
    for (let turn = 0; turn < 2 && this.#options.store.available && !steps.isRecovering; turn++) {
      if (this.#isStale || accounts.some((account) => !steps.isJoined(account))) await this.#catchUp()
      if (this.#isStale || steps.isRecovering) return undefined
      this.#inFlight++
      const reply = await steps.reserve(wanted, accounts, step)
      this.#inFlight--
      if (this.#inFlight === 0) this.#onQuiet()
      if (reply) return reply
      this.#isStale = true
    }
    return undefined
  }

  async #renew(): Promise<void> {
    if (!this.#options.store.available) return
    this.#isStale = true
    await this.#catchUp()
  }

  /** Synchronizes once for all calls that wait for it. No step begins meanwhile, so those under way come to an end. */
  #catchUp(): Promise<void> {
    this.#catchingUp ??= new Promise<void>((resolve) => {
      this.#onQuiet = resolve
      if (this.#inFlight === 0) resolve()
    })
      .then(() => this.#sync())
      .finally(() => {
        this.#catchingUp = undefined
      })
    return this.#catchingUp
  }

  async #sync(): Promise<void> {
    const accounts = this.#accounts()
    if (!(await this.#steps.set(accounts, [...this.#open.values()]))) return
    this.#isStale = false
    void this.#adjustments.write(accounts)
    if (!this.#steps.isRecovering) for (const account of accounts) this.#leases.end(account)
  }

  /** The accounts that are written to Redis. */
  #accounts(): readonly BudgetAccount[] {
    const { local } = this.#options
    // Those of budgets with one sum may be empty here, while others have spent from them.
    const current = new Set(local.accounts().map(({ key }) => local.accountOf(key)))
    for (const account of this.#known) if (!current.has(account) && account.reserved === 0) this.#known.delete(account)
    return [...new Set([...current, ...this.#known])]
  }
}

function adjustedTo({ key }: BudgetAccount, adjusted: NanoDollars): Pick<BudgetStatus, 'adjusted' | 'limit'> {
  return { adjusted, limit: limitWith(key.rule.limit, adjusted) }
}
