import { createHash } from 'node:crypto'
import type { BudgetKey } from '../../domain/budgets/budget-rule.ts'
import type { Clock } from '../../domain/clock.ts'
import type { NanoDollars } from '../../domain/money.ts'
import type { BudgetStatus, Budgets, Hold, Refusal, Wanted } from '../../domain/ports/money/budgets.ts'
import type { SharedStore } from '../../domain/ports/shared-store.ts'
import type { BudgetAccount } from './budget-account.ts'
import { adjustBudgetScript, reserveBudgetsScript, settleBudgetsScript, syncBudgetsScript } from './budget-scripts.ts'
import { budgetsUnavailable, type MemoryBudgets, needed } from './memory-budgets.ts'
import { SharedHold } from './shared-hold.ts'

export interface RedisBudgetsOptions {
  readonly store: SharedStore
  readonly clock: Clock
  /** Sums of this gateway alone. */
  readonly local: MemoryBudgets
  /** Unique among all gateways. */
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
/** Part of a limit that a gateway may spend while it cannot ask Redis. */
export const LEASE_PART = 0.02

/** What all gateways together have spent, as far as this one knows. */
interface Seen {
  readonly spent: NanoDollars
  readonly reserved: NanoDollars
  readonly added: NanoDollars
  /** What this gateway had spent and reserved itself when Redis last answered. */
  readonly own: NanoDollars
}

/** The sums of all gateways on one Redis. Each gateway keeps its own part as well and can always set it again. */
export class RedisBudgets implements Budgets {
  readonly #options: RedisBudgetsOptions
  readonly #seen = new WeakMap<BudgetAccount, Seen>()
  /** Own sums when Redis could first not be asked, by account: what is above is spent from a lease. */
  readonly #leased = new WeakMap<BudgetAccount, NanoDollars>()
  readonly #known = new Set<BudgetAccount>()
  readonly #open = new Map<string, SharedHold>()
  readonly #attemptsKey: string
  #epoch = ''
  /** Whether Redis may lack something that this gateway has done. */
  #isStale = true
  #inFlight = 0
  #stopTimer = () => {}
  #catchingUp: Promise<void> | undefined
  #onQuiet = () => {}
  /** When the other gateways are known again after Redis lost its data, on the monotonic clock. */
  #recoversAt = 0

  constructor(options: RedisBudgetsOptions) {
    this.#options = options
    this.#attemptsKey = `${PREFIX}open:${options.gateway}`
  }

  /** Registers the gateway, and renews its lease from then on. */
  async start(): Promise<void> {
    await this.#sync()
    this.#stopTimer = this.#options.clock.after(SYNC_INTERVAL, () => void this.start())
  }

  get #isRecovering(): boolean {
    return this.#options.clock.now() < this.#recoversAt
  }

  close(): void {
    this.#stopTimer()
  }

  async reserve(wanted: Wanted): Promise<Hold | Refusal> {
    const { local, store } = this.#options
    const refuses = wanted.keys.some(({ rule }) => rule.action === 'refuse')
    if (!local.isReady && refuses) throw budgetsUnavailable()
    const accounts = wanted.keys.map((key) => local.accountOf(key))
    for (const account of accounts) this.#known.add(account)
    // Twice: Redis may turn out to have lost what it knew.
    let reply = await this.#askInSync(wanted, accounts)
    if (!reply && store.available) reply = await this.#askInSync(wanted, accounts)
    if (!reply) return this.#fromLease(wanted, accounts)
    const refused = accounts[reply.at - 1]
    if (reply.granted < 0 && refused) return { refusedBy: this.#statusOf(refused) }
    const tightest = accounts[reply.at - 1]
    const hold = local.hold(wanted.keys, Math.max(0, reply.granted))
    const headroom = tightest ? reply.left[reply.at - 1] : undefined
    const shared = new SharedHold(this, wanted, hold, {
      headroom: headroom ?? Number.POSITIVE_INFINITY,
      tightest: tightest && this.#statusOf(tightest),
      accounts,
    })
    this.#open.set(wanted.id, shared)
    return shared
  }

  /** Reserves more for an attempt; undefined where Redis cannot be asked. */
  async extend(hold: SharedHold, more: NanoDollars, step: number) {
    const { store } = this.#options
    if (!store.available || this.#isStale || this.#isRecovering) return undefined
    const wanted = { id: hold.id, keys: hold.keys, amount: more, least: 0 }
    const reply = await this.#ask(wanted, hold.accounts, step)
    if (!reply) return undefined
    const tightest = hold.accounts[reply.at - 1]
    return { added: Math.max(0, reply.granted), refusedBy: tightest && this.#statusOf(tightest) }
  }

  settled(hold: SharedHold): void {
    this.#open.delete(hold.id)
    const { store, gateway } = this.#options
    const spent = hold.accounts.map((account) => text(account.spent - account.restored))
    const keys = [EPOCH, LEASES, this.#attemptsKey, ...hold.accounts.map(keyOf)]
    void store.run(settleBudgetsScript, keys, [gateway, hold.id, ...spent]).then((reply) => {
      if (reply === undefined) this.#isStale = true
    })
  }

  statusOf(keys: readonly BudgetKey[]): readonly BudgetStatus[] {
    return this.#options.local.peek(keys).map((account) => this.#statusOf(account))
  }

  list(): readonly BudgetStatus[] {
    return this.#options.local.accounts().map((account) => this.#statusOf(account))
  }

  async adjust(key: BudgetKey, add: NanoDollars): Promise<BudgetStatus> {
    const account = this.#options.local.accountOf(key)
    this.#known.add(account)
    await this.#sync()
    const reply = await this.#options.store.run(adjustBudgetScript, [keyOf(account)], [text(add)])
    if (reply === undefined) throw budgetsUnavailable()
    await this.#sync()
    return this.#statusOf(account)
  }

  /** What a lease bears of one account: a small part of its limit, and not more than was left. */
  leaseOf(account: BudgetAccount): NanoDollars {
    const since = this.#leased.get(account) ?? 0
    const used = account.spent + account.reserved - since
    const seen = this.#seen.get(account)
    const left = seen ? account.key.rule.limit + seen.added - seen.spent - seen.reserved : account.key.rule.limit
    return Math.min(Math.floor(account.key.rule.limit * LEASE_PART), left) - used
  }

  #fromLease(wanted: Wanted, accounts: readonly BudgetAccount[]): Hold | Refusal {
    const { leases, local } = this.#options
    const refusing = accounts.filter(({ key }) => key.rule.action === 'refuse')
    if (!leases && refusing.length > 0) throw budgetsUnavailable()
    for (const account of accounts) {
      if (!this.#leased.has(account)) this.#leased.set(account, account.spent + account.reserved)
    }
    const refused = accounts.find((account) => this.leaseOf(account) < needed(account, wanted.amount, wanted.least))
    if (refused) return { refusedBy: this.#statusOf(refused) }
    const amount = Math.min(wanted.amount, ...refusing.map((account) => this.leaseOf(account)))
    const [tightest] = [...refusing].sort((a, b) => this.leaseOf(a) - this.leaseOf(b))
    const headroom = tightest ? this.leaseOf(tightest) : Number.POSITIVE_INFINITY
    const options = { headroom, tightest: tightest && this.#statusOf(tightest), accounts }
    const shared = new SharedHold(this, wanted, local.hold(wanted.keys, amount), options)
    this.#open.set(wanted.id, shared)
    if (!this.#isRecovering) this.#isStale = true
    return shared
  }

  async #askInSync(wanted: Wanted, accounts: readonly BudgetAccount[]) {
    const { store } = this.#options
    if (this.#isStale && store.available) await this.#catchUp()
    return store.available && !this.#isStale && !this.#isRecovering ? this.#ask(wanted, accounts, 1) : undefined
  }

  async #ask(wanted: Wanted, accounts: readonly BudgetAccount[], step: number) {
    const { store, gateway } = this.#options
    const keys = [EPOCH, LEASES, this.#attemptsKey, ...accounts.map(keyOf)]
    const each = accounts.flatMap((account) => [
      text(account.key.rule.limit),
      askedOf(account, step),
      text(account.spent - account.restored),
      text(account.restored),
      expiryOf(account),
    ])
    this.#inFlight++
    const own = accounts.map((account) => account.spent + account.reserved)
    const { id, amount, least } = wanted
    const args = [gateway, this.#epoch, id, step, text(amount), text(least), ...each, LEASE]
    const reply = await store.run(reserveBudgetsScript, keys, args)
    this.#ended()
    if (reply === undefined || String(reply) === 'epoch') {
      this.#isStale = true
      return undefined
    }
    const [granted = '-1', at = '0', ...parts] = String(reply).split(' ')
    const left = this.#see(accounts, parts, own)
    return { granted: Number(granted), at: Number(at), left }
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

  /** Sets all that this gateway knows of itself. Steps under way would be undone, so it waits for a moment without. */
  async #sync(): Promise<void> {
    const { store, gateway, local } = this.#options
    if (!store.available || this.#inFlight > 0) return
    const current = new Set(local.accounts())
    for (const account of this.#known) if (!current.has(account) && account.reserved === 0) this.#known.delete(account)
    const accounts = [...new Set([...current, ...this.#known])]
    const open = [...this.#open.values()].flatMap(({ id, amount }) => [id, text(amount)])
    const each = accounts.flatMap((account) => [
      text(account.spent - account.restored),
      text(account.reserved),
      text(account.restored),
      expiryOf(account),
    ])
    const keys = [EPOCH, LEASES, this.#attemptsKey, ...accounts.map(keyOf)]
    const epoch = `${gateway}.${this.#options.clock.wall()}`
    const own = accounts.map((account) => account.spent + account.reserved)
    this.#inFlight++
    const reply = await store.run(syncBudgetsScript, keys, [gateway, epoch, LEASE, open.length / 2, ...open, ...each])
    this.#ended()
    if (reply === undefined) return
    const [known = '', _begun, ...parts] = String(reply).split(' ')
    // Redis had lost its data: the other gateways set their parts again within the interval.
    if (this.#epoch !== '' && known !== this.#epoch) this.#recoversAt = this.#options.clock.now() + RECOVERY
    this.#epoch = known
    this.#isStale = false
    if (!this.#isRecovering) for (const account of accounts) this.#leased.delete(account)
    this.#see(accounts, parts, own)
  }

  #see(accounts: readonly BudgetAccount[], parts: readonly string[], own: readonly NanoDollars[]): NanoDollars[] {
    return accounts.map((account, at) => {
      const [spent = 0, reserved = 0, added = 0] = (parts[at] ?? '').split(':').map(Number)
      this.#seen.set(account, { spent, reserved, added, own: own[at] ?? 0 })
      return account.key.rule.limit + added - spent - reserved
    })
  }

  /** What all gateways spent, with what this one did since it asked. */
  #statusOf(account: BudgetAccount): BudgetStatus {
    const status = account.status()
    const seen = this.#seen.get(account)
    if (!seen) return status
    const since = account.spent + account.reserved - seen.own
    const reserved = Math.max(account.reserved, seen.reserved)
    const spent = Math.max(account.spent, seen.spent + seen.reserved + since - reserved)
    return { ...status, spent, reserved, adjusted: seen.added, limit: account.key.rule.limit + seen.added }
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
