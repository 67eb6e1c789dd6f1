import type { BudgetLevel } from '../../src/domain/ports/money/budget-level.ts'
import type { AlertBook, ClaimedAlert } from '../../src/domain/ports/money/ledger-books.ts'
import type { Notice } from '../../src/telemetry/alerts/alert.ts'
import type { DeliveryOutcome } from '../../src/telemetry/alerts/delivery/outbox.ts'
import { Notifier } from '../../src/telemetry/alerts/notifier.ts'
import { operatorAlerts } from '../../src/telemetry/alerts/operator-alerts.ts'
import type { Delivery, Receiver } from '../../src/telemetry/alerts/receivers/receiver.ts'
import { defaultThresholds } from '../../src/telemetry/alerts/settings.ts'
import { FakeClock } from './fake-clock.ts'

/** A receiver that answers what the test says, and keeps what it was sent. */
export class TestReceiver implements Receiver {
  readonly name: string
  readonly events: Receiver['events']
  readonly takesResolved: boolean
  readonly needsRepeats: boolean
  readonly notices: Notice[] = []
  answer: Delivery | (() => Promise<Delivery>) = { ok: true, message: 'taken' }

  constructor(some: Partial<Pick<Receiver, 'name' | 'events' | 'takesResolved' | 'needsRepeats'>> = {}) {
    const { name = 'test', events = [], takesResolved = false, needsRepeats = false } = some
    this.name = name
    this.events = events
    this.takesResolved = takesResolved
    this.needsRepeats = needsRepeats
  }

  async deliver(notice: Notice): Promise<Delivery> {
    this.notices.push(notice)
    return typeof this.answer === 'function' ? this.answer() : this.answer
  }

  /** What it was sent, as events with their subjects, and whether they are over. */
  get texts(): readonly string[] {
    return this.notices.map(({ alert, resolvedAt }) => {
      const threshold = alert.data['threshold'] ?? ''
      return `${alert.event} ${alert.subject} ${threshold}`.trim() + (resolvedAt === undefined ? '' : ' over')
    })
  }
}

/** Keeps alerts in memory, for any number of notifiers. Can be made unavailable. */
export class MemoryAlertBook implements AlertBook {
  readonly #clock: FakeClock
  readonly #alerts = new Map<string, { alert: ClaimedAlert; pending: boolean; claimedAt: number }>()
  available = true

  constructor(clock: FakeClock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#alerts.size
  }

  get pending(): readonly ClaimedAlert[] {
    return [...this.#alerts.values()].filter(({ pending }) => pending).map(({ alert }) => alert)
  }

  async claimAlert(alert: ClaimedAlert): Promise<boolean> {
    this.#check()
    const known = this.#alerts.get(alert.key)
    if (known && known.alert.expiresAt > this.#clock.wall()) return false
    this.#alerts.set(alert.key, { alert, pending: true, claimedAt: this.#clock.wall() })
    return true
  }

  async keepAlerts(keys: readonly string[]): Promise<void> {
    this.#check()
    for (const key of keys) this.#change(key, { claimedAt: this.#clock.wall() })
  }

  async markAlertSent(key: string): Promise<void> {
    this.#check()
    this.#change(key, { pending: false })
  }

  async expireAlert(key: string, at: number): Promise<void> {
    this.#check()
    const known = this.#alerts.get(key)
    if (at <= this.#clock.wall()) this.#alerts.delete(key)
    else if (known) this.#change(key, { alert: { ...known.alert, expiresAt: at } })
  }

  async takePendingAlerts(age: number): Promise<readonly ClaimedAlert[]> {
    this.#check()
    const now = this.#clock.wall()
    const taken = [...this.#alerts.values()].filter(({ pending, claimedAt }) => pending && now - claimedAt > age)
    for (const { alert } of taken) this.#change(alert.key, { claimedAt: now })
    return taken.map(({ alert }) => alert)
  }

  #check(): void {
    if (!this.available) throw new Error('the book cannot be used')
  }

  #change(key: string, change: { alert?: ClaimedAlert; pending?: boolean; claimedAt?: number }): void {
    const known = this.#alerts.get(key)
    if (known) this.#alerts.set(key, { ...known, ...change })
  }
}

/** Notifiers of one or more gateways, each with the receivers of its own. */
export function alertWorld(clock = new FakeClock()) {
  const lines: string[] = []
  const counts: Record<string, number> = {}
  const gateway = (receivers: readonly Receiver[], book?: AlertBook) => {
    const notifier = new Notifier({
      clock,
      random: () => 1,
      log: { warn: (message) => void lines.push(message), error: (message) => void lines.push(message) },
      receivers,
      book,
      count(event, receiver, outcome: DeliveryOutcome) {
        const name = `${event} ${receiver} ${outcome}`
        counts[name] = (counts[name] ?? 0) + 1
      },
    })
    const events = operatorAlerts({
      notifier,
      thresholds: defaultThresholds,
      errorRatio: 0.05,
      now: () => clock.wall(),
    }) as Required<ReturnType<typeof operatorAlerts>> // Alerts have a method for each event that the tests report.
    return { notifier, events }
  }
  return { clock, lines, counts, gateway }
}

const HOUR = 3_600_000

/** A budget of 2 USD a day for one user. */
export function levelOf(spentUsd: number, clock: FakeClock, rest: Partial<BudgetLevel> = {}): BudgetLevel {
  const windowStart = clock.wall() - HOUR
  return {
    budget: 'users',
    scope: 'user',
    subject: 'web/ann',
    window: 'day',
    windowStart,
    resetsAt: windowStart + 24 * HOUR,
    spent: spentUsd * 1e9,
    limit: 2e9,
    ...rest,
  }
}
