/** A reply of which part is kept until the rest of it arrives. */
export interface HeldReply {
  /** Who asked for it. */
  readonly holder: string
  /** Bytes that are kept. */
  readonly held: number
  /** Ends the call, which releases its bytes. */
  giveWay(): void
}

/** Smaller replies need no entry of their own: as many as there can be calls at once take little. */
const LARGE = 64 << 10

/**
 * Bounds the bytes that all replies together keep in memory while they arrive. When they are too many, the holder of most
 * gives way with its largest reply, so that nobody loses a reply because of what others ask for.
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

  /** A reply keeps `reply.held` bytes now, and kept `before`. */
  change(reply: HeldReply, before: number): void {
    this.#held += reply.held - before
    if (reply.held < LARGE) this.#large.delete(reply)
    else if (before < LARGE) this.#large.add(reply)
    // Whoever gives way releases at least one byte.
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
