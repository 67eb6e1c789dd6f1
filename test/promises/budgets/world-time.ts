/** A call under way. */
export interface Progress {
  /** Whether the vendor has its request. */
  arrived: boolean
  /** Characters of its response, as the vendor has sent them and as its caller has them. */
  sent: number
  received: number
}

/** In ms. */
const STEP = 5
/** What may be on its way without time standing still for it: requests, and characters of each response. */
const MAX_REQUESTS = 2
const MAX_CHARACTERS = 0

/**
 * Time that stands still while the machine is behind with what is under way, so that on a slow machine as many calls are
 * under way at once as on a fast one.
 */
export class WorldTime {
  /** Calls that time waits for. */
  readonly open = new Set<Progress>()
  readonly #waiting = new Set<{ readonly at: number; readonly resolve: () => void }>()
  readonly #timer: NodeJS.Timeout
  #now = 0

  /** Calls `step` after each step. */
  constructor(step: (now: number) => void) {
    this.#timer = setInterval(() => {
      if (this.#isBehind()) return
      this.#now += STEP
      for (const waiting of this.#waiting)
        if (waiting.at <= this.#now && this.#waiting.delete(waiting)) waiting.resolve()
      step(this.#now)
    }, STEP)
  }

  /** In ms. */
  get now(): number {
    return this.#now
  }

  async reach(at: number): Promise<void> {
    if (at > this.#now) await new Promise<void>((resolve) => this.#waiting.add({ at, resolve }))
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #isBehind(): boolean {
    let requests = 0
    for (const { arrived, sent, received } of this.open) {
      if (!arrived) requests++
      if (sent - received > MAX_CHARACTERS) return true
    }
    return requests > MAX_REQUESTS
  }
}
