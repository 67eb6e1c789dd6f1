import type { Caller } from '../../domain/calls/call.ts'
import type { ByteBudget, HeldBytes } from '../../domain/limits/byte-budget.ts'
import { holderOfClient } from '../../domain/limits/holder.ts'
import { holderOfAddress } from '../../domain/text/address-holder.ts'

/** What a client may have sent of a request before anybody reads it: the first window of an HTTP/2 stream, in bytes. */
export const FIRST_WINDOW = 64 * 1024

/** Requests that fill the budget though hardly anything of them has arrived: each takes memory beside its bytes. */
const MAX_REQUESTS = 16_384

/** A request that has not arrived completely, as the budget that all of them share counts it. */
export abstract class PendingRequest implements HeldBytes {
  place = -1
  held = 0
  /** Undefined where it has sent no credential, or none that is valid. */
  readonly caller: Caller | undefined
  readonly #budget: ByteBudget

  constructor(budget: ByteBudget, caller: Caller | undefined) {
    this.#budget = budget
    this.caller = caller
  }

  abstract readonly address: string | undefined

  /** Refuses the request. */
  protected abstract refuse(): void

  get holder(): string {
    return holderOfClient(this.caller, this.address)
  }

  get part(): string {
    return this.caller && !this.caller.anonymous ? holderOfAddress(this.address) : ''
  }

  /** Records how many bytes of it are in memory. */
  hold(bytes: number): void {
    this.#change(Math.max(bytes, this.#budget.limit / MAX_REQUESTS))
  }

  /** Nothing of it is in memory any more, or it is for others to count. */
  release(): void {
    if (this.held > 0) this.#change(0)
  }

  giveWay(): void {
    this.release()
    this.refuse()
  }

  #change(held: number): void {
    const before = this.held
    this.held = held
    this.#budget.change(this, before)
  }
}

export interface UnreadRequestOptions {
  readonly budget: ByteBudget
  readonly address: string | undefined
  /** Closes its stream or connection. */
  readonly close: () => void
}

/** A request that is not read: its credential is still being checked, or is not valid. */
export class UnreadRequest extends PendingRequest {
  readonly address: string | undefined
  readonly #close: () => void

  constructor({ budget, address, close }: UnreadRequestOptions) {
    super(budget, undefined)
    this.address = address
    this.#close = close
  }

  protected refuse(): void {
    this.#close()
  }
}
