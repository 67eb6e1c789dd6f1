/** Those that may wait for their turn. */
const MAX_WAITING = 1000

/** A compressed request that wants to be unpacked. */
export interface Packed {
  /** Whether it has gone since: then it is passed over. */
  isGone(): boolean
  /** It is its turn. `leave` must follow. */
  enter(): void
}

/** Lets few compressed requests be unpacked at once, because they swell; the others wait, in the order in which they came. */
export class UnpackingRoom {
  #free: number
  #waiting: Packed[] = []

  /** `places`: at least 1. */
  constructor(places: number) {
    this.#free = places
  }

  /** False when too many wait. */
  enter(request: Packed): boolean {
    if (this.#free > 0) {
      this.#free--
      request.enter()
      return true
    }
    if (this.#waiting.length >= MAX_WAITING) this.#waiting = this.#waiting.filter((waiting) => !waiting.isGone())
    if (this.#waiting.length >= MAX_WAITING) return false
    this.#waiting.push(request)
    return true
  }

  /** A request is unpacked, or never will be. */
  leave(): void {
    let next = this.#waiting.shift()
    while (next?.isGone()) next = this.#waiting.shift()
    if (next) next.enter()
    else this.#free++
  }
}
