import type { GatewayError } from '../../domain/errors/error.ts'

/** A call that waits for its turn. */
export interface Waiter {
  readonly caller: string
  admit(): void
  giveUp(error: GatewayError): void
}

interface Lane {
  readonly caller: string
  readonly waiters: Waiter[]
}

/** Waiting calls, a lane for each caller. Callers take turns, however many calls each of them has. */
export class Lanes {
  /** Calls in all lanes. */
  waiting = 0
  /** None is empty; the first one is served next. */
  #lanes: Lane[] = []

  add(waiter: Waiter): void {
    const lane = this.#laneOf(waiter.caller)
    if (lane) lane.waiters.push(waiter)
    else this.#lanes.push({ caller: waiter.caller, waiters: [waiter] })
    this.waiting++
  }

  remove(waiter: Waiter): void {
    const lane = this.#laneOf(waiter.caller)
    const at = lane?.waiters.indexOf(waiter) ?? -1
    if (!lane || at < 0) return
    lane.waiters.splice(at, 1)
    this.waiting--
    if (lane.waiters.length === 0) this.#lanes.splice(this.#lanes.indexOf(lane), 1)
  }

  /** Takes the first call of the caller whose turn it is; the caller's other calls go to the end of the line. */
  next(): Waiter | undefined {
    const lane = this.#lanes.shift()
    const waiter = lane?.waiters.shift()
    if (!lane || !waiter) return undefined
    this.waiting--
    if (lane.waiters.length > 0) this.#lanes.push(lane)
    return waiter
  }

  /** How many calls are served before a new call of `caller`. */
  before(caller: string): number {
    const own = this.#laneOf(caller)?.waiters.length ?? 0
    let count = 0
    for (const { waiters } of this.#lanes) count += Math.min(waiters.length, own + 1)
    return count
  }

  /** The newest call in the longest lane; undefined if the lane of `caller` would be as long with one call more. */
  newestOfLongest(caller: string): Waiter | undefined {
    let longest = this.#lanes[0]
    for (const lane of this.#lanes) if (longest && lane.waiters.length > longest.waiters.length) longest = lane
    const own = this.#laneOf(caller)?.waiters.length ?? 0
    return longest && own + 1 < longest.waiters.length ? longest.waiters.at(-1) : undefined
  }

  #laneOf(caller: string): Lane | undefined {
    return this.#lanes.find((lane) => lane.caller === caller)
  }
}
