import { createHash } from 'node:crypto'
import type { Clock } from '../../domain/clock.ts'
import type { NanoDollars } from '../../domain/money.ts'
import type { Wanted } from '../../domain/ports/money/budgets.ts'
import type { BudgetBook } from '../../domain/ports/money/ledger-books.ts'
import type { SharedStore } from '../../domain/ports/shared-store.ts'
import type { BudgetAccount } from './budget-account.ts'
import {
  readBudgetsScript,
  reserveBudgetsScript,
  setAdjustedScript,
  settleBudgetsScript,
  syncBudgetsScript,
} from './budget-scripts.ts'
import type { SharedHold } from './shared-hold.ts'
import { ownOf, SharedSums } from './shared-sums.ts'

export interface SharedStepsOptions {
  readonly store: SharedStore
  readonly clock: Clock
  /** Identifies the database of the ledger. No dot. */
  readonly ledger: string
  /** Unique among all gateways. No dot. */
  readonly gateway: string
  /** Keeps what operators add to limits; undefined where the ledger ends with the process. */
  readonly book: BudgetBook | undefined
}

/** What Redis replied to an attempt. */
export interface Reply {
  /** Negative where a budget does not bear it. */
  readonly granted: NanoDollars
  /** The budget that bears least, and what it could bear altogether. */
  readonly tightest: BudgetAccount | undefined
  readonly headroom: NanoDollars
}

/** Time between two synchronizations, in ms. */
export const SYNC_INTERVAL = 5_000
const PREFIX = '{llm-gateway:budgets}:'
const EPOCH = `${PREFIX}epoch`
const LEASES = `${PREFIX}leases`
/** Time in which a gateway must have been heard of, in ms. */
const LEASE = 15_000
/** Time in which every gateway has synchronized, in ms. */
const RECOVERY = SYNC_INTERVAL + 1_000
/** How long a hash outlives its window, in ms. */
const KEPT = 86_400_000
/** Accounts in one step of Redis. */
const MAX_SYNCED = 200

/** The steps that one gateway takes on Redis, with what it learns from the replies. */
export class SharedSteps {
  readonly sums = new SharedSums()
  /** How often Redis was found to have lost its data. */
  losses = 0
  readonly #options: SharedStepsOptions
  readonly #name: string
  readonly #attemptsKey: string
  /** Who keeps what operators add to limits through this gateway: its ledger, or itself. */
  readonly #keeper: string
  /** What the ledger knew of accounts, as far as Redis knows it. */
  readonly #joined = new WeakMap<BudgetAccount, NanoDollars>()
  #epoch = ''
  /** Whether Redis lacks what it knew of other gateways. */
  #isLost = false
  /** When the other gateways are known again after Redis lost its data, on the monotonic clock. */
  #recoversAt = 0

  constructor(options: SharedStepsOptions) {
    this.#options = options
    this.#name = `${options.ledger}.${options.gateway}`
    this.#keeper = options.book ? options.ledger : this.#name
    this.#attemptsKey = `${PREFIX}open:${this.#name}`
  }

  /** Whether other gateways may still have to set again what Redis has lost. */
  get isRecovering(): boolean {
    return this.#options.clock.now() < this.#recoversAt
  }

  /** Whether Redis knows of an account what the ledger knew. */
  isJoined(account: BudgetAccount): boolean {
    return (this.#joined.get(account) ?? 0) >= account.restored
  }

  /** Reserves an amount for an attempt, or more for one that has reserved before; undefined if that failed. */
  async reserve({ id, amount, least }: Wanted, accounts: readonly BudgetAccount[], step: number) {
    const each = accounts.flatMap((account) => [
      text(account.key.rule.limit),
      askedOf(account, step),
      text(account.spent - account.restored),
      expiryOf(account),
      this.sums.has(account) ? 1 : 0,
    ])
    const args = [this.#name, this.#epoch, id, step, text(amount), text(least), LEASE, ...each]
    const own = accounts.map(ownOf)
    const reply = await this.#options.store.run(reserveBudgetsScript, this.#keysOf(accounts), args)
    if (reply === undefined) return undefined
    if (String(reply) === 'lost') {
      this.#lose()
      return undefined
    }
    const [granted = '-1', at = '0', ...sums] = String(reply).split(' ')
    const left = accounts.map((account, index) => this.sums.see(account, sums[index] ?? '', own[index] ?? 0))
    const headroom = left[Number(at) - 1] ?? Number.POSITIVE_INFINITY
    return { granted: Number(granted), tightest: accounts[Number(at) - 1], headroom } satisfies Reply
  }

  /** Ends an attempt. Returns whether that succeeded. */
  async settle({ id, accounts }: SharedHold): Promise<boolean> {
    const spent = accounts.map((account) => text(account.spent - account.restored))
    const args = [this.#name, id, ...spent]
    return (await this.#options.store.run(settleBudgetsScript, this.#keysOf(accounts), args)) !== undefined
  }

  /** Sets all that this gateway knows of itself, and of the others where Redis has lost it. Returns whether it could. */
  async set(accounts: readonly BudgetAccount[], open: readonly SharedHold[]): Promise<boolean> {
    // Twice: Redis may turn out to have lost what it knew.
    const isSet = (await this.#setAll(accounts, open)) || (this.#isLost && (await this.#setAll(accounts, open)))
    if (isSet) this.#isLost = false
    return isSet
  }

  /** Sets what operators added to a limit, a total. Returns whether that succeeded. */
  async setAdjusted(account: BudgetAccount): Promise<boolean> {
    const args = [this.#keeper, text(account.adjusted)]
    return (await this.#options.store.run(setAdjustedScript, [keyOf(account)], args)) !== undefined
  }

  /** Learns the sums of accounts, unless Redis cannot be asked or has lost them. */
  async read(accounts: readonly BudgetAccount[]): Promise<void> {
    for (let at = 0; at < accounts.length && !this.isRecovering; at += MAX_SYNCED) {
      const some = accounts.slice(at, at + MAX_SYNCED)
      const own = some.map(ownOf)
      const args = [this.#name, this.#epoch]
      const reply = await this.#options.store.run(readBudgetsScript, this.#keysOf(some), args)
      if (reply === undefined || String(reply) === 'lost') return
      const sums = String(reply).split(' ')
      some.forEach((account, index) => void this.sums.see(account, sums[index] ?? '', own[index] ?? 0))
    }
  }

  async #setAll(accounts: readonly BudgetAccount[], open: readonly SharedHold[]): Promise<boolean> {
    for (let at = 0; at === 0 || at < accounts.length; at += MAX_SYNCED) {
      const some = accounts.slice(at, at + MAX_SYNCED)
      if (!(await this.#setSome(some, at === 0 ? open : undefined))) return false
    }
    return true
  }

  /** `open`: all open attempts; undefined where they are set already. */
  async #setSome(accounts: readonly BudgetAccount[], open: readonly SharedHold[] | undefined): Promise<boolean> {
    const { store, gateway, clock } = this.#options
    const each = accounts.flatMap((account) => [
      text(account.spent - account.restored),
      text(account.reserved),
      this.isJoined(account) ? '' : text(account.restored),
      text(account.adjusted),
      expiryOf(account),
      this.#isLost ? this.sums.othersOf(account) : '-',
    ])
    const own = accounts.map(ownOf)
    const restored = accounts.map((account) => account.restored)
    const attempts = open ? [open.length, ...open.flatMap(({ id, amount }) => [id, text(amount)])] : ['']
    const begun = `${gateway}.${clock.wall()}`
    const args = [this.#name, this.#epoch, begun, LEASE, RECOVERY, this.#keeper, ...attempts, ...each]
    const reply = await store.run(syncBudgetsScript, this.#keysOf(accounts), args)
    if (reply === undefined) return false
    const [epoch = '', wait = '0', ...sums] = String(reply).split(' ')
    const isReplaced = this.#epoch !== '' && epoch !== this.#epoch
    this.#epoch = epoch
    this.#recoversAt = clock.now() + Number(wait)
    if (isReplaced && !this.#isLost) {
      this.#lose()
      return false
    }
    accounts.forEach((account, index) => {
      this.sums.see(account, sums[index] ?? '', own[index] ?? 0)
      this.#joined.set(account, restored[index] ?? 0)
    })
    return true
  }

  #lose(): void {
    this.#isLost = true
    this.losses++
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
