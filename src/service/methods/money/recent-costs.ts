import { create } from '@bufbuild/protobuf'
import type { Caller } from '../../../domain/calls/call.ts'
import type { Clock } from '../../../domain/clock.ts'
import { dollars } from '../../../domain/money.ts'
import type { LedgerQueries } from '../../../domain/ports/money/ledger-queries.ts'
import { dayFormat, startOfDay, startOfMonth } from '../../../domain/time-zone.ts'
import { ListUsageRequestSchema, type StatsResponse } from '../../../domain/types.ts'
import { selectionOf } from './usage-selection.ts'

/** How long sums are not asked again, in ms. */
const FRESH = 1_000
/** Longest wait for the database, in ms; the sums before are shown then. */
const PATIENCE = 1_000
/** Callers whose sums are kept. */
const MAX_CALLERS = 1_000

export type RecentCosts = Pick<StatsResponse, 'costTodayUsd' | 'costMonthUsd'>

interface Known {
  readonly at: number
  readonly costs: RecentCosts
}

/** What was spent today and this month: by everyone for admins, else by the caller itself. */
export class CostCounter {
  readonly #ledger: LedgerQueries
  readonly #clock: Clock
  readonly #timeZone: string
  readonly #known = new Map<string, Known>()
  readonly #asked = new Map<string, Promise<void>>()

  constructor(ledger: LedgerQueries, clock: Clock, timeZone: string) {
    this.#ledger = ledger
    this.#clock = clock
    this.#timeZone = timeZone
  }

  /** The sums of about now. They are absent while the database cannot be used. */
  async current(caller: Caller): Promise<RecentCosts> {
    let stop = () => {}
    const patience = new Promise<void>((resolve) => {
      stop = this.#clock.after(PATIENCE, resolve)
    })
    await Promise.race([this.#refresh(caller), patience])
    stop()
    return this.last(caller)
  }

  /** The last known sums; newer ones are asked for. */
  last(caller: Caller): RecentCosts {
    void this.#refresh(caller)
    return this.#known.get(keyOf(caller))?.costs ?? {}
  }

  #refresh(caller: Caller): Promise<void> {
    const key = keyOf(caller)
    const known = this.#known.get(key)
    if (known && this.#clock.now() - known.at < FRESH) return Promise.resolve()
    let asked = this.#asked.get(key)
    if (!asked) {
      asked = this.#ask(caller, key).finally(() => this.#asked.delete(key))
      this.#asked.set(key, asked)
    }
    return asked
  }

  async #ask(caller: Caller, key: string): Promise<void> {
    const now = this.#clock.wall()
    const at = this.#clock.now()
    const dayOf = dayFormat(this.#timeZone)
    try {
      const costTodayUsd = await this.#since(startOfDay(Date.parse(dayOf(now)), dayOf), caller, now)
      const costMonthUsd = await this.#since(startOfMonth(now, this.#timeZone), caller, now)
      if (this.#known.size >= MAX_CALLERS) this.#known.clear()
      this.#known.set(key, { at, costs: { costTodayUsd, costMonthUsd } })
    } catch {
      // Health shows what is wrong with the ledger.
    }
  }

  async #since(start: number, caller: Caller, now: number): Promise<number> {
    const selection = selectionOf(create(ListUsageRequestSchema), caller, now, start)
    const { total } = await this.#ledger.summarize(selection, { groups: [], labelKey: '', timeZone: this.#timeZone })
    return dollars(Number(total.cost))
  }
}

function keyOf({ admin, name }: Caller): string {
  return admin ? '' : `caller ${name}`
}
