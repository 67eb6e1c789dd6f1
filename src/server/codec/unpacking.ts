import type { Clock } from '../../domain/clock.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import { refusalErrors } from '../refusals.ts'

/** Compressed requests that may wait. */
const MAX_WAITING = 1000

/** A compressed request that has arrived completely. */
export interface Packed {
  /** Who is answerable: a caller, or an address. */
  readonly holder: string
  /** Its address, among those of a caller. */
  readonly part: string
  /** Whether nobody waits for an answer any more. */
  isGone(): boolean
}

interface Waiting {
  readonly request: Packed
  readonly shares: Shares
  readonly until: number
  enter(): void
  refuse(error: GatewayError): void
}

/** What a holder, or a part of it, does with the places. */
interface Share {
  unpacking: number
  waiting: number
  /** When it last got a place, as a number that grows. */
  served: number
}

/** Shares of the holder and of its part. */
type Shares = readonly [Share, Share]

export interface UnpackingOptions {
  /** Requests that are decompressed at once; at least 1. */
  readonly places: number
  readonly clock: Clock
  /** Time that a request may wait for a place, in ms. */
  readonly maxWait: number
}

/**
 * Lets few compressed requests be decompressed at once, because they grow. A free place goes to the holder that has the
 * fewest, of equal ones to the one that waits longest for its turn; among its addresses alike. When too many wait, the
 * holder of most loses its newest.
 */
export class UnpackingRoom {
  readonly #clock: Clock
  readonly #maxWait: number
  #free: number
  #turn = 0
  /** In the order in which they came. */
  #waiting: Waiting[] = []
  readonly #shares = new Map<string, Share>()
  #stopTimer: (() => void) | undefined

  constructor({ places, clock, maxWait }: UnpackingOptions) {
    this.#free = places
    this.#clock = clock
    this.#maxWait = maxWait
  }

  /** Rejects with TOO_MANY_COMPRESSED where the request gets no place, or as `unpack` does. */
  async run<T>(request: Packed, unpack: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#enter(request)
    else await this.#turnOf(request)
    try {
      return await unpack()
    } finally {
      this.#leave(request)
    }
  }

  #enter(request: Packed): void {
    this.#free--
    for (const share of this.#sharesOf(request)) {
      share.unpacking++
      share.served = ++this.#turn
    }
  }

  #leave(request: Packed): void {
    this.#free++
    for (const share of this.#sharesOf(request)) share.unpacking--
    const next = this.#next()
    if (next) {
      this.#drop(next)
      this.#enter(next.request)
      next.enter()
    }
    this.#forget(request)
  }

  #turnOf(request: Packed): Promise<void> {
    return new Promise((resolve, reject) => {
      const until = this.#clock.now() + this.#maxWait
      const shares = this.#sharesOf(request)
      this.#waiting.push({ request, shares, until, enter: resolve, refuse: reject })
      for (const share of shares) share.waiting++
      if (this.#waiting.length > MAX_WAITING) this.#removeGone()
      if (this.#waiting.length > MAX_WAITING) this.#newestOfLargest()
      if (!this.#stopTimer) this.#wakeLater()
    })
  }

  #next(): Waiting | undefined {
    this.#removeGone()
    let next: Waiting | undefined
    for (const waiting of this.#waiting) if (!next || order(waiting.shares, next.shares) < 0) next = waiting
    return next
  }

  #removeGone(): void {
    const gone = this.#waiting.filter(({ request }) => request.isGone())
    for (const waiting of gone) {
      this.#drop(waiting)
      this.#forget(waiting.request)
      waiting.refuse(new GatewayError('CANCELLED', 'The client disconnected.'))
    }
  }

  #newestOfLargest(): void {
    const most = Math.max(...this.#waiting.map(({ shares }) => shares[0].waiting))
    const newest = this.#waiting.findLast(({ shares }) => shares[0].waiting === most)
    if (newest) this.#refuse(newest)
  }

  #wakeLater(): void {
    const [oldest] = this.#waiting
    if (!oldest) return
    this.#stopTimer = this.#clock.after(oldest.until - this.#clock.now(), () => {
      this.#stopTimer = undefined
      const now = this.#clock.now()
      for (const waiting of this.#waiting.filter(({ until }) => until <= now)) this.#refuse(waiting)
      this.#wakeLater()
    })
  }

  #refuse(waiting: Waiting): void {
    this.#drop(waiting)
    this.#forget(waiting.request)
    waiting.refuse(refusalErrors.compressed_calls)
  }

  #drop(waiting: Waiting): void {
    this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
    for (const share of waiting.shares) share.waiting--
    if (this.#waiting.length > 0) return
    this.#stopTimer?.()
    this.#stopTimer = undefined
  }

  #sharesOf({ holder, part }: Packed): Shares {
    return [this.#share(holder), this.#share(`${holder}\0${part}`)]
  }

  #share(name: string): Share {
    let share = this.#shares.get(name)
    if (!share) {
      share = { unpacking: 0, waiting: 0, served: 0 }
      this.#shares.set(name, share)
    }
    return share
  }

  #forget({ holder, part }: Packed): void {
    for (const name of [holder, `${holder}\0${part}`]) {
      const share = this.#shares.get(name)
      if (share && share.unpacking === 0 && share.waiting === 0) this.#shares.delete(name)
    }
  }
}

function order([mine, minePart]: Shares, [theirs, theirPart]: Shares): number {
  const [one, other] = mine === theirs ? [minePart, theirPart] : [mine, theirs]
  return one.unpacking - other.unpacking || one.served - other.served
}
