import type { Clock } from '../../domain/clock.ts'

/** Receives a command's reply, an error reply as an Error, or undefined when there is none in time. */
export type Settle = (reply: unknown) => void

interface Waiter {
  readonly settle: Settle
  /** Tick in which the command was sent. */
  readonly since: number
  done: boolean
}

/** Ticks per timeout. */
const TICKS = 4

/**
 * Commands that wait for their replies, oldest first: Redis replies in the order of the commands. One timer watches all
 * of them, and runs only while there are any. It counts ticks instead of time, because a delay of the gateway's own event
 * loop is no fault of Redis.
 */
export class InFlight {
  readonly #clock: Clock
  readonly #timeout: number
  readonly #onTimeout: () => void
  #waiting: Waiter[] = []
  /** Index of the oldest waiter that may still be open. */
  #head = 0
  #tick = 0
  #stopTimer: (() => void) | undefined

  /** `onTimeout` is called when a command has waited for `timeout` ms. */
  constructor(clock: Clock, timeout: number, onTimeout: () => void) {
    this.#clock = clock
    this.#timeout = timeout
    this.#onTimeout = onTimeout
  }

  get size(): number {
    return this.#waiting.length - this.#head
  }

  /** Returns the function to call with the reply. Only the first call has an effect. */
  add(settle: Settle): Settle {
    const waiter: Waiter = { settle, since: this.#tick, done: false }
    this.#waiting.push(waiter)
    if (!this.#stopTimer) this.#watch()
    return (reply) => this.#settle(waiter, reply)
  }

  /** Settles all waiting commands with undefined. */
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
      if (this.#tick - oldest.since >= TICKS) this.#onTimeout()
      else this.#watch()
    })
  }
}
