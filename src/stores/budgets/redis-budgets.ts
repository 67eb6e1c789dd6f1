import { createHash } from 'node:crypto'
import type { BudgetKey } from '../../domain/budgets/budget-rule.ts'
import type { Clock } from '../../domain/clock.ts'
import type { NanoDollars } from '../../domain/money.ts'
import type { BudgetStatus, Budgets, Hold, Refusal, Wanted } from '../../domain/ports/money/budgets.ts'
import type { SharedStore } from '../../domain/ports/shared-store.ts'
import type { BudgetAccount } from './budget-account.ts'
import { BudgetLeases } from './budget-leases.ts'
import { adjustBudgetScript, reserveBudgetsScript, settleBudgetsScript, syncBudgetsScript } from './budget-scripts.ts'
import { budgetsUnavailable, type MemoryBudgets, needed } from './memory-budgets.ts'
import { SharedHold } from './shared-hold.ts'
import { ownOf, SharedSums } from './shared-sums.ts'

export interface RedisBudgetsOptions {
  readonly store: SharedStore
  readonly clock: Clock
  /** Sums of this gateway alone, with what its ledger knew when it began. */
  readonly local: MemoryBudgets
  /** Identifies the database of the ledger. No dot. */
  readonly ledger: string
  /** Unique among all gateways. No dot. */
  readonly gateway: string
  /** Whether this gateway spends a small part of each budget while Redis is unavailable; otherwise calls are refused. */
  readonly leases: boolean
}

const PREFIX = '{llm-gateway:budgets}:'
const EPOCH = `${PREFIX}epoch`
const LEASES = `${PREFIX}leases`
/** Time in which a gateway must have been heard of, in ms. */
const LEASE = 15_000
const SYNC_INTERVAL = 5_000
/** Time in which every gateway has synchronized, in ms. */
const RECOVERY = SYNC_INTERVAL + 1_000
/** How long a hash outlives its window, in ms. */
const KEPT = 86_400_000
/** Accounts in one step of Redis. */
const MAX_SYNCED = 200

/** What Redis replied to an attempt. */
interface Reply {
  /** Negative where a budget does not bear it. */
  readonly granted: NanoDollars
  /** The budget that bears least, and what it could bear altogether. */
  readonly tightest: BudgetAccount | undefined
  readonly headroom: NanoDollars
}

/**
 * The sums of all gateways on one Redis. Each gateway keeps its own part as well, and what it last heard of the others,
 * and can always set that again.
 */
export class RedisBudgets implements Budgets {
  readonly #options: RedisBudgetsOptions
  readonly #name: string
  readonly #sums = new SharedSums()
  readonly #leases = new BudgetLeases(this.#sums)
  readonly #known = new Set<BudgetAccount>()
  /** What the ledger knew of accounts, as far as Redis knows it. */
  readonly #joined = new WeakMap<BudgetAccount, NanoDollars>()
  readonly #open = new Map<string, SharedHold>()
  readonly #attemptsKey: string
  #epoch = ''
  /** Whether Redis may lack something that this gateway has done. */
  #isStale = true
  /** Whether Redis lacks what it knew of others as well. */
  #isLost = false
  #isClosed = false
  #inFlight = 0
  #stopTimer = () => {}
  #catchingUp: Promise<void> | undefined
  #onQuiet = () => {}
  /** When the other gateways are known again after Redis lost its data, on the monotonic clock. */
  #recoversAt = 0

  constructor(options: RedisBudgetsOptions) {
    this.#options = options
    this.#name = `${options.ledger}.${options.gateway}`
    this.#attemptsKey = `${PREFIX}open:${this.#name}`
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
    const reply = await this.#askInSync(wanted, accounts, 1)
    if (!reply) return this.#fromLease(wanted, accounts)
    const { granted, tightest, headroom } = reply
    if (granted < 0 && tightest) return { refusedBy: this.#sums.statusOf(tightest) }
    return this.#hold(wanted, local.hold(wanted.keys, Math.max(0, granted)), accounts, headroom, tightest)
  }

  /** Reserves more for an attempt; undefined where Redis cannot be asked. */
  async extend(hold: SharedHold, more: NanoDollars, step: number) {
    const wanted = { id: hold.id, keys: hold.keys, amount: more, least: 0 }
    const reply = await this.#askInSync(wanted, hold.accounts, step)
    if (!reply) return undefined
    const { granted, tightest } = reply
    return { added: Math.max(0, granted), refusedBy: tightest && this.#sums.statusOf(tightest) }
  }

  settled(hold: SharedHold): void {
    this.#open.delete(hold.id)
    const spent = hold.accounts.map((account) => text(account.spent - account.restored))
    const keys = this.#keysOf(hold.accounts)
    void this.#options.store.run(settleBudgetsScript, keys, [this.#name, hold.id, ...spent]).then((reply) => {
      if (reply === undefined) this.#isStale = true
    })
  }

  statusOf(keys: readonly BudgetKey[]): readonly BudgetStatus[] {
    return this.#options.local.peek(keys).map((account) => this.#sums.statusOf(account))
  }

  list(): readonly BudgetStatus[] {
    return this.#options.local.accounts().map((account) => this.#sums.statusOf(account))
  }

  async adjust(key: BudgetKey, add: NanoDollars): Promise<BudgetStatus> {
    const { store, local, ledger } = this.#options
    const account = local.accountOf(key)
    this.#known.add(account)
    await this.#renew()
    const reply = this.#isStale ? undefined : await store.run(adjustBudgetScript, [keyOf(account)], [ledger, text(add)])
    if (reply === undefined) throw budgetsUnavailable()
    await this.#renew()
    return this.#sums.statusOf(account)
  }

  /** What this gateway may spend of an account without asking. */
  leaseOf(account: BudgetAccount): NanoDollars {
    return this.#leases.leftOf(account)
  }

  #fromLease(wanted: Wanted, accounts: readonly BudgetAccount[]): Hold | Refusal {
    const { leases, local } = this.#options
    const refusing = accounts.filter(({ key }) => key.rule.action === 'refuse')
    if (!leases && refusing.length > 0) throw budgetsUnavailable()
    const refused = accounts.find((account) => this.leaseOf(account) < needed(account, wanted.amount, wanted.least))
    if (refused) return { refusedBy: this.#sums.statusOf(refused) }
    const [tightest] = [...refusing].sort((a, b) => this.leaseOf(a) - this.leaseOf(b))
    const headroom = tightest ? this.leaseOf(tightest) : Number.POSITIVE_INFINITY
    this.#isStale = true
    const hold = local.hold(wanted.keys, Math.min(wanted.amount, headroom))
    return this.#hold(wanted, hold, accounts, headroom, tightest)
  }

  #hold(
    wanted: Wanted,
    local: ReturnType<MemoryBudgets['hold']>,
    accounts: readonly BudgetAccount[],
    headroom: NanoDollars,
    tightest: BudgetAccount | undefined,
  ): SharedHold {
    const options = { headroom, tightest: tightest && this.#sums.statusOf(tightest), accounts }
    const shared = new SharedHold(this, wanted, local, options)
    this.#open.set(wanted.id, shared)
    return shared
  }

  get #isRecovering(): boolean {
    return this.#options.clock.now() < this.#recoversAt
  }

  /** Undefined where Redis cannot be asked, or does not know enough yet. */
  async #askInSync(wanted: Wanted, accounts: readonly BudgetAccount[], step: number): Promise<Reply | undefined> {
    const { store } = this.#options
    // Twice: Redis may turn out to have lost what it knew.
    for (let turn = 0; turn < 2 && store.available && !this.#isRecovering; turn++) {
      if (this.#isStale || accounts.some((account) => !this.#isJoined(account))) await this.#catchUp()
      if (this.#isStale || this.#isRecovering) return undefined
      const reply = await this.#ask(wanted, accounts, step)
      if (reply) return reply
    }
    return undefined
  }

  async #ask({ id, amount, least }: Wanted, accounts: readonly BudgetAccount[], step: number) {
    const each = accounts.flatMap((account) => [
      text(account.key.rule.limit),
      askedOf(account, step),
      text(account.spent - account.restored),
      expiryOf(account),
      this.#sums.has(account) ? 1 : 0,
    ])
    const args = [this.#name, this.#epoch, id, step, text(amount), text(least), LEASE, ...each]
    const own = accounts.map(ownOf)
    this.#inFlight++
    const reply = await this.#options.store.run(reserveBudgetsScript, this.#keysOf(accounts), args)
    this.#ended()
    const isLost = reply !== undefined && String(reply) === 'lost'
    if (reply === undefined || isLost) {
      this.#isStale = true
      this.#isLost ||= isLost
      return undefined
    }
    const [granted = '-1', at = '0', ...sums] = String(reply).split(' ')
    const left = accounts.map((account, index) => this.#sums.see(account, sums[index] ?? '', own[index] ?? 0))
    const headroom = left[Number(at) - 1] ?? Number.POSITIVE_INFINITY
    return { granted: Number(granted), tightest: accounts[Number(at) - 1], headroom }
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

  #ended(): void {
    this.#inFlight--
    if (this.#inFlight === 0) this.#onQuiet()
  }

  /** Sets all that this gateway knows of itself, and of the others where Redis has lost it. */
  async #sync(): Promise<void> {
    const { local } = this.#options
    // Those of budgets with one sum may be empty here, while others have spent from them.
    const current = new Set(local.accounts().map(({ key }) => local.accountOf(key)))
    for (const account of this.#known) if (!current.has(account) && account.reserved === 0) this.#known.delete(account)
    const accounts = [...new Set([...current, ...this.#known])]
    // Twice: Redis may turn out to have lost what it knew.
    const isSet = (await this.#set(accounts)) || (this.#isLost && (await this.#set(accounts)))
    if (!isSet) return
    this.#isStale = false
    this.#isLost = false
    if (!this.#isRecovering) for (const account of accounts) this.#leases.end(account)
  }

  /** Returns false where Redis cannot be asked, or has lost what it knew of others. */
  async #set(accounts: readonly BudgetAccount[]): Promise<boolean> {
    for (let at = 0; at === 0 || at < accounts.length; at += MAX_SYNCED) {
      if (!(await this.#setSome(accounts.slice(at, at + MAX_SYNCED), at === 0))) return false
    }
    return true
  }

  async #setSome(accounts: readonly BudgetAccount[], isFirst: boolean): Promise<boolean> {
    const { store, gateway, clock } = this.#options
    const open = isFirst ? [...this.#open.values()].flatMap(({ id, amount }) => [id, text(amount)]) : []
    const each = accounts.flatMap((account) => [
      text(account.spent - account.restored),
      text(account.reserved),
      this.#isJoined(account) ? '' : text(account.restored),
      text(account.adjusted),
      expiryOf(account),
      this.#isLost ? this.#sums.othersOf(account) : '-',
    ])
    const own = accounts.map(ownOf)
    const restored = accounts.map((account) => account.restored)
    const epoch = `${gateway}.${clock.wall()}`
    const attempts = isFirst ? [open.length / 2, ...open] : ['']
    const args = [this.#name, this.#epoch, epoch, LEASE, RECOVERY, ...attempts, ...each]
    const reply = await store.run(syncBudgetsScript, this.#keysOf(accounts), args)
    if (reply === undefined) return false
    const [known = '', wait = '0', ...sums] = String(reply).split(' ')
    const isReplaced = this.#epoch !== '' && known !== this.#epoch
    this.#epoch = known
    this.#recoversAt = clock.now() + Number(wait)
    if (isReplaced && !this.#isLost) {
      this.#isLost = true
      return false
    }
    accounts.forEach((account, index) => {
      this.#sums.see(account, sums[index] ?? '', own[index] ?? 0)
      this.#joined.set(account, restored[index] ?? 0)
    })
    return true
  }

  #isJoined(account: BudgetAccount): boolean {
    return (this.#joined.get(account) ?? 0) >= account.restored
  }

  #keysOf(accounts: readonly BudgetAccount[]): readonly string[] {
    return [EPOCH, LEASES, this.#attemptsKey, ...accounts.map(keyOf)]
  }
}

/** How the script asks an account: nothing of alerts, all of what avoids, the least or all of what refuses. */
function askedOf({ key: { rule } }: BudgetAccount, step: number): number {
  if (rule.action === 'alert') return 0
  if (step > 1) return rule.action === 'refuse' ? 3 : 0
  if (rule.action === 'avoid') return 4
  return rule.fit ? 2 : 1
}

function keyOf({ key: { rule, subject }, period }: BudgetAccount): string {
  // Subjects may be users: they are not readable in Redis.
  const name = createHash('sha256').update(`${rule.name}\0${subject}`).digest('base64url')
  return `${PREFIX}${period.start}:${name}`
}

function expiryOf({ period }: BudgetAccount): string {
  return period.end === Number.POSITIVE_INFINITY ? '0' : text(period.end + KEPT)
}

function text(nano: NanoDollars): string {
  return nano.toFixed(0)
}
