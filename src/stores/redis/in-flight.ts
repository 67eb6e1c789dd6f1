import type { Clock } from '../../domain/clock.ts'

/** What a command is told: its reply, an error that Redis replied with, or undefined when there is none in time. */
export type Settle = (reply: unknown) => void

interface Waiter {
  readonly settle: Settle
  /** The tick in which it was sent. */
  readonly since: number
  done: boolean
}

/** Into how many ticks the longest wait is divided. */
const TICKS = 4

/**
 * The commands whose replies are awaited, oldest first: Redis answers in the order in which it was asked. One timer
 * watches them all, and only while there are any. It counts ticks and not time, because a gateway whose event loop was
 * held up for a moment has not been let down by Redis.
 */
export class InFlight {
  readonly #clock: Clock
  readonly #timeout: number
  readonly #onSilence: () => void
  #waiting: Waiter[] = []
  /** Those before it are done. */
  #head = 0
  #tick = 0
  #stopTimer: (() => void) | undefined

  /** `onSilence` is told when a command has waited for `timeout` ms. */
  constructor(clock: Clock, timeout: number, onSilence: () => void) {
    this.#clock = clock
    this.#timeout = timeout
    this.#onSilence = onSilence
  }

  get size(): number {
    return this.#waiting.length - this.#head
  }

  /** Returns what the reply is to be given to. What comes after the first is ignored. */
  add(settle: Settle): Settle {
    const waiter: Waiter = { settle, since: this.#tick, done: false }
    this.#waiting.push(waiter)
    if (!this.#stopTimer) this.#watch()
    return (reply) => this.#settle(waiter, reply)
  }

  /** Nobody waits any longer: each is told that there is no reply. */
  abandon(): void {
    const waiting = this.#waiting
    this.#waiting = []
    this.#head = 0
    this.#stopTimer?.()
    this.#stopTimer = undefined
    for (const waiter of waiting) this.#settle(waiter, undefined)
  }

  #settle(waiter: Waiter, reply: unknown): void {
    if (waiter.done) return
    waiter.done = true
    while (this.#waiting[this.#head]?.done) this.#head++
    if (this.#head === this.#waiting.length) this.#forget()
    else if (this.#head >= 1024) this.#forget()
    waiter.settle(reply)
  }

  #forget(): void {
    this.#waiting = this.#waiting.slice(this.#head)
    this.#head = 0
  }

  #watch(): void {
    this.#stopTimer = this.#clock.after(this.#timeout / TICKS, () => {
      this.#stopTimer = undefined
      this.#tick++
      const oldest = this.#waiting[this.#head]
      if (!oldest) return
      if (this.#tick - oldest.since >= TICKS) this.#onSilence()
      else this.#watch()
    })
  }
}
