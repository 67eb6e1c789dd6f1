import type { Clock } from '../../../domain/clock.ts'
import type { Notice } from '../alert.ts'
import type { Delivery, Receiver } from '../receivers/receiver.ts'

/** `failed`: it will be tried again. `dropped`: it will not. */
export type DeliveryOutcome = 'sent' | 'failed' | 'dropped'

/** A notice that waits to be sent. */
export interface Parcel {
  readonly notice: Notice
  /** Key under which it was claimed; undefined for notices that need no claim. */
  readonly claim: string | undefined
}

export interface OutboxOptions {
  readonly clock: Clock
  /** From 0 up to 1. */
  readonly random: () => number
  /** Called for each try, and for each notice that is dropped. Must not throw. */
  readonly onOutcome: (receiver: Receiver, parcel: Parcel, outcome: DeliveryOutcome, delivery: Delivery) => void
}

/** Notices that wait for one receiver at most. */
export const MAX_WAITING = 1_000
/** How long a notice is tried, in ms. */
const MAX_AGE = 24 * 3_600_000
/** Waits after failures in a row, in ms; the last one is repeated. */
const WAITS = [1_000, 5_000, 30_000, 120_000, 600_000]
const MAX_WAIT = 600_000
/** Smallest part of a wait that is taken, so that replicas do not return together. */
const LEAST_PART = 0.8

interface Waiting {
  readonly parcel: Parcel
  readonly since: number
  /** On the monotonic clock, in ms. */
  dueAt: number
}

/**
 * Sends notices to one receiver, one at a time and in order. A receiver that fails is left alone for longer and longer;
 * a notice that it refuses steps aside for the others.
 */
export class Outbox {
  readonly receiver: Receiver
  readonly #options: OutboxOptions
  readonly #waiting: Waiting[] = []
  #failures = 0
  /** When the receiver may be asked again, on the monotonic clock, in ms. */
  #pausedUntil = 0
  #sending = false
  #closed = false
  #stopTimer: (() => void) | undefined
  #onIdle: (() => void) | undefined

  constructor(receiver: Receiver, options: OutboxOptions) {
    this.receiver = receiver
    this.#options = options
  }

  get size(): number {
    return this.#waiting.length
  }

  /** Keys of the claimed notices that wait. */
  claims(): readonly string[] {
    return this.#waiting.flatMap(({ parcel: { claim } }) => (claim === undefined ? [] : [claim]))
  }

  /** Whether a notice about this alert waits. */
  has(alertId: string): boolean {
    return this.#waiting.some(({ parcel }) => parcel.notice.alert.id === alertId)
  }

  /** Returns whether there was space. */
  add(parcel: Parcel): boolean {
    if (this.#closed || this.#waiting.length >= MAX_WAITING) return false
    const now = this.#options.clock.now()
    this.#waiting.push({ parcel, since: now, dueAt: now })
    this.#proceed()
    return true
  }

  /** Tries what waits once more, for `time` ms at most, and ends. */
  async close(time: number): Promise<void> {
    this.#pausedUntil = 0
    const { clock } = this.#options
    if (this.#waiting.some(({ dueAt }) => dueAt <= clock.now()) || this.#sending) {
      await new Promise<void>((resolve) => {
        const stop = clock.after(time, resolve)
        this.#onIdle = () => {
          stop()
          resolve()
        }
        this.#proceed()
      })
    }
    this.#closed = true
    this.#stopTimer?.()
  }

  #proceed(): void {
    if (this.#sending || this.#closed) return
    this.#stopTimer?.()
    const now = this.#options.clock.now()
    const next = this.#pausedUntil > now ? undefined : this.#waiting.find((waiting) => this.#isDue(waiting, now))
    if (next) void this.#send(next)
    else if (this.#onIdle) this.#onIdle()
    else if (this.#waiting.length > 0) this.#proceedLater(now)
  }

  /** The end of what an alert reported is sent after the alert. */
  #isDue({ parcel: { notice }, dueAt }: Waiting, now: number): boolean {
    if (dueAt > now) return false
    const { alert, resolvedAt } = notice
    return (
      resolvedAt === undefined ||
      this.#waiting.find(({ parcel }) => parcel.notice.alert.id === alert.id)?.parcel.notice === notice
    )
  }

  #proceedLater(now: number): void {
    const dueAt = Math.min(
      ...this.#waiting.map(({ dueAt }) => dueAt).filter((at) => at > now || this.#pausedUntil > now),
    )
    this.#stopTimer = this.#options.clock.after(Math.max(dueAt, this.#pausedUntil) - now, () => this.#proceed())
  }

  async #send(waiting: Waiting): Promise<void> {
    this.#sending = true
    const delivery = await this.receiver.deliver(waiting.parcel.notice)
    this.#sending = false
    if (delivery.ok) {
      this.#failures = 0
      this.#remove(waiting, 'sent', delivery)
    } else this.#failed(waiting, delivery)
    this.#proceed()
  }

  #failed(waiting: Waiting, delivery: Delivery): void {
    const { clock, onOutcome } = this.#options
    const now = clock.now()
    if (now - waiting.since >= MAX_AGE) {
      this.#remove(waiting, 'dropped', delivery)
      return
    }
    if (delivery.refused) waiting.dueAt = now + MAX_WAIT
    else this.#pausedUntil = now + Math.max(this.#nextWait(), delivery.retryAfter ?? 0)
    onOutcome(this.receiver, waiting.parcel, 'failed', delivery)
  }

  #nextWait(): number {
    const wait = WAITS[this.#failures] ?? MAX_WAIT
    this.#failures++
    return wait * (LEAST_PART + (1 - LEAST_PART) * this.#options.random())
  }

  #remove(waiting: Waiting, outcome: DeliveryOutcome, delivery: Delivery): void {
    this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
    this.#options.onOutcome(this.receiver, waiting.parcel, outcome, delivery)
  }
}
