import type { Clock } from '../../src/domain/clock.ts'
import { eventually } from './eventually.ts'

interface Timer {
  readonly at: number
  readonly order: number
  readonly act: () => void
  readonly counted: boolean
}

/** A clock that is turned by hand. */
export class FakeClock implements Clock {
  readonly #turns: number
  #now = 1_000
  #order = 0
  readonly #timers = new Set<Timer>()

  /** `turns`: how many turns of the event loop pass between two timers. */
  constructor(turns = 1) {
    this.#turns = turns
  }

  now(): number {
    return this.#now
  }

  wall(): number {
    return 1_700_000_000_000 + this.#now
  }

  after(ms: number, act: () => void): () => void {
    return this.#set(ms, act, true)
  }

  /** A timer of the test's own. */
  alarm(ms: number, act: () => void): void {
    this.#set(ms, act, false)
  }

  /** Lets time pass at once, as while the event loop is blocked: timers fire later. */
  pass(ms: number): void {
    this.#now += ms
  }

  /** How many timers wait, those of the test apart. */
  get waiting(): number {
    let waiting = 0
    for (const timer of this.#timers) if (timer.counted) waiting++
    return waiting
  }

  #set(ms: number, act: () => void, counted: boolean): () => void {
    const timer = { at: this.#now + ms, order: this.#order++, act, counted }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  /** Lets time pass: fires what falls due in its order, and lets promises settle after each. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await this.#settle()
    for (let timer = this.#next(end); timer; timer = this.#next(end)) {
      this.#timers.delete(timer)
      this.#now = Math.max(this.#now, timer.at)
      timer.act()
      await this.#settle()
    }
    this.#now = Math.max(this.#now, end)
  }

  /** Lets time pass in small steps, with I/O between them, until `holds`. */
  async passUntil(holds: () => unknown): Promise<void> {
    await eventually(async () => {
      await this.advance(25)
      return holds()
    })
  }

  async #settle(): Promise<void> {
    for (let turn = 0; turn < this.#turns; turn++) await settle()
  }

  #next(end: number): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.at <= end && (!next || timer.at < next.at || (timer.at === next.at && timer.order < next.order))) {
        next = timer
      }
    }
    return next
  }
}

/** Lets every promise that can settle do so. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
