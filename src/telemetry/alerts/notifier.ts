import type { Clock } from '../../domain/clock.ts'
import type { AlertBook } from '../../domain/ports/money/ledger-books.ts'
import type { AlertTest, AlertTestResult } from '../../domain/ports/operations/alert-test.ts'
import type { Log } from '../log/log.ts'
import { type Alert, type AlertFacts, alertId } from './alert.ts'
import { Claims } from './delivery/claims.ts'
import { type DeliveryOutcome, Outbox, type Parcel } from './delivery/outbox.ts'
import { type RaisedAlert, RaisedAlerts, raisedAlert } from './raised-alerts.ts'
import { type Delivery, type Receiver, wants } from './receivers/receiver.ts'
import type { AlertEvent } from './settings.ts'

export interface NotifierOptions {
  readonly clock: Clock
  /** From 0 up to 1. */
  readonly random: () => number
  readonly log: Pick<Log, 'warn' | 'error'>
  readonly receivers: readonly Receiver[]
  /** Shared by the replicas; undefined when there is none. */
  readonly book: AlertBook | undefined
  readonly count: (event: AlertEvent | 'test', receiver: string, outcome: DeliveryOutcome) => void
}

/** An alert that comes once until `expiresAt`. */
export interface OnceTerms {
  /** Wall time in ms. */
  readonly expiresAt: number
  /** Identities of alerts that need not come after this one. */
  readonly covers?: readonly string[]
}

/** Time between two looks at the alerts that last, in ms. */
const TICK = 60_000
/** How long a state must be over before its alert is, in ms: one that comes and goes is one alert. */
const CLEAR_DELAY = 300_000
/** How long the alert of a state stays claimed by a gateway that may have ended, in ms. */
const STATE_TERM = 3_600_000

/** Sends alerts to the receivers: once over all gateways that share a book, and off the path of calls. */
export class Notifier implements AlertTest {
  readonly #options: NotifierOptions
  readonly #raised = new RaisedAlerts()
  readonly #outboxes: readonly Outbox[]
  readonly #claims: Claims
  #stopTick: (() => void) | undefined
  #closed = false

  constructor(options: NotifierOptions) {
    const { clock, random, book, receivers } = options
    this.#options = options
    const onOutcome = this.#record.bind(this)
    this.#outboxes = receivers.map((receiver) => new Outbox(receiver, { clock, random, onOutcome }))
    this.#claims = new Claims({
      clock,
      book,
      held: () => this.#outboxes.flatMap((outbox) => outbox.claims()),
      onTaken: (receiver, alert, key) => this.#resume(receiver, alert, key),
    })
  }

  /** Raises an alert that does not come again until it expires. `identity` names its event, subject and window. */
  once(identity: string, makeFacts: () => AlertFacts, { expiresAt, covers = [] }: OnceTerms): void {
    const now = this.#options.clock.wall()
    if (this.#closed || this.#raised.find(identity, now)) return
    const alert = { id: alertId(identity), time: now, ...makeFacts() }
    for (const lower of covers) {
      if (this.#raised.find(lower, now)) continue
      this.#raised.add(raisedAlert(lower, alert, expiresAt), false)
      for (const { receiver } of this.#interested(alert))
        void this.#claims.suppress(lower, receiver.name, alert, expiresAt)
    }
    const raised = raisedAlert(identity, alert, expiresAt)
    this.#raised.add(raised, true)
    void this.#announce(raised)
  }

  /** Raises an alert that holds until it is cleared. */
  raise(identity: string, makeFacts: () => AlertFacts): void {
    const now = this.#options.clock.wall()
    const known = this.#raised.find(identity, now)
    if (known) known.clearedAt = undefined
    if (this.#closed || known) return
    const alert = { id: alertId(identity, now), time: now, ...makeFacts() }
    const raised = raisedAlert(identity, alert, now + STATE_TERM, true)
    this.#raised.add(raised, true)
    void this.#announce(raised)
  }

  /** What an alert reported is over; if it does not come back soon, receivers are informed. */
  clear(identity: string): void {
    const now = this.#options.clock.wall()
    const raised = this.#raised.find(identity, now)
    if (raised) raised.clearedAt ??= now
  }

  /** Sends a test to every receiver at once, past what waits for it. */
  async test(): Promise<readonly AlertTestResult[]> {
    const time = this.#options.clock.wall()
    const alert: Alert = {
      id: alertId('test', time, this.#options.random()),
      event: 'test',
      severity: 'info',
      time,
      subject: 'test',
      summary: 'Test alert: this receiver of the LLM Gateway works',
      data: {},
    }
    return Promise.all(
      this.#outboxes.map(async ({ receiver }) => {
        const { ok, message } = await receiver.deliver({ alert })
        this.#options.count('test', receiver.name, ok ? 'sent' : 'dropped')
        return { receiver: receiver.name, ok, message }
      }),
    )
  }

  /** Tries to send what waits, for `time` ms at most. What a book has as pending is sent by another gateway. */
  async close(time: number): Promise<void> {
    this.#closed = true
    this.#stopTick?.()
    await Promise.all(this.#outboxes.map((outbox) => outbox.close(time)))
    this.#claims.close()
  }

  #interested({ event }: Alert): readonly Outbox[] {
    return this.#outboxes.filter(({ receiver }) => wants(receiver, event))
  }

  async #announce(raised: RaisedAlert): Promise<void> {
    const { identity, alert, expiresAt, owned } = raised
    this.#tickLater()
    const missing = this.#interested(alert).filter(({ receiver }) => !owned.has(receiver.name))
    await Promise.all(
      missing.map(async (outbox) => {
        const { name } = outbox.receiver
        const claim = await this.#claims.claim(identity, name, alert, expiresAt)
        if (claim === undefined) return
        owned.add(name)
        this.#post(outbox, { notice: { alert }, claim })
      }),
    )
  }

  /** A claimed notice for which there is no space stays pending in the book, and is taken up again later. */
  #post(outbox: Outbox, parcel: Parcel): void {
    if (outbox.add(parcel)) {
      if (parcel.claim !== undefined) this.#claims.keep()
    } else if (!this.#options.book) {
      this.#record(outbox.receiver, parcel, 'dropped', { ok: false, message: 'too many alerts wait' })
    }
  }

  #resume(receiver: string, alert: Alert, claim: string): boolean {
    const outbox = this.#outboxes.find((candidate) => candidate.receiver.name === receiver)
    if (outbox && !outbox.has(alert.id)) this.#post(outbox, { notice: { alert }, claim })
    return outbox !== undefined
  }

  #record(receiver: Receiver, { notice, claim }: Parcel, outcome: DeliveryOutcome, { message }: Delivery): void {
    const { log, count } = this.#options
    const { event, id } = notice.alert
    count(event, receiver.name, outcome)
    if (outcome !== 'failed' && claim !== undefined) this.#claims.sent(claim)
    const fields = { receiver: receiver.name, event, alert_id: id, reason: message }
    if (outcome === 'failed') log.warn('an alert could not be sent yet', fields)
    if (outcome === 'dropped') log.error('an alert was given up', fields)
  }

  #tickLater(): void {
    if (this.#stopTick || this.#closed || this.#raised.lasting().length === 0) return
    this.#stopTick = this.#options.clock.after(TICK, () => {
      this.#stopTick = undefined
      const now = this.#options.clock.wall()
      for (const raised of this.#raised.lasting()) this.#look(raised, now)
      this.#tickLater()
    })
  }

  #look(raised: RaisedAlert, now: number): void {
    const { alert, clearedAt } = raised
    const isOver = clearedAt === undefined ? (alert.endsAt ?? Infinity) <= now : now - clearedAt >= CLEAR_DELAY
    if (isOver) {
      this.#end(raised, now)
      return
    }
    for (const outbox of this.#ownedBy(raised)) {
      if (outbox.receiver.needsRepeats && !outbox.has(alert.id)) outbox.add({ notice: { alert }, claim: undefined })
    }
    if (raised.isState && raised.expiresAt - now < STATE_TERM / 2) this.#renew(raised, now)
  }

  #end(raised: RaisedAlert, now: number): void {
    const { identity, alert } = raised
    this.#raised.end(raised)
    for (const outbox of this.#ownedBy(raised)) {
      if (raised.isState) this.#claims.expire(identity, outbox.receiver.name, now)
      if (outbox.receiver.takesResolved) this.#post(outbox, { notice: { alert, resolvedAt: now }, claim: undefined })
    }
  }

  /** Keeps the claims of an alert that still holds, and claims it where the gateway that had claimed it ended. */
  #renew(raised: RaisedAlert, now: number): void {
    raised.expiresAt = now + STATE_TERM
    for (const { receiver } of this.#ownedBy(raised))
      this.#claims.expire(raised.identity, receiver.name, raised.expiresAt)
    void this.#announce(raised)
  }

  #ownedBy({ owned }: RaisedAlert): readonly Outbox[] {
    return this.#outboxes.filter(({ receiver }) => owned.has(receiver.name))
  }
}
