/** A reply that is partly in memory until the rest arrives. */
export interface HeldReply {
  /** Caller that asked for the reply. */
  readonly holder: string
  /** Bytes that are kept. */
  readonly held: number
  /** Ends the call, which releases its bytes. */
  giveWay(): void
}

/** Smaller replies are counted but not listed: even one for each possible call takes little memory. */
const LARGE = 64 << 10

/**
 * Limits the bytes that all incomplete replies keep in memory. Above the limit, the caller that holds most loses its
 * largest reply, so that no caller loses a reply because of what others ask for.
 */
export class ReplyBudget {
  readonly #limit: number
  readonly #large = new Set<HeldReply>()
  #held = 0

  /** `limit` in bytes. */
  constructor(limit: number) {
    this.#limit = limit
  }

  get held(): number {
    return this.#held
  }

  /** To be called after a change: the reply keeps `reply.held` bytes, and kept `before`. */
  change(reply: HeldReply, before: number): void {
    this.#held += reply.held - before
    if (reply.held < LARGE) this.#large.delete(reply)
    else if (before < LARGE) this.#large.add(reply)
    // Each reply that gives way releases at least one byte.
    while (this.#held > this.#limit) (this.#largest() ?? reply).giveWay()
  }

  #largest(): HeldReply | undefined {
    const sums = new Map<string, number>()
    for (const { holder, held } of this.#large) sums.set(holder, (sums.get(holder) ?? 0) + held)
    let largest: HeldReply | undefined
    for (const reply of this.#large) if (!largest || isMore(reply, largest, sums)) largest = reply
    return largest
  }
}

function isMore(one: HeldReply, other: HeldReply, sums: ReadonlyMap<string, number>): boolean {
  const [mine = 0, theirs = 0] = [sums.get(one.holder), sums.get(other.holder)]
  return mine === theirs ? one.held > other.held : mine > theirs
}
