import type { RequestContext } from '../context.ts'
import type { Endpoint } from '../endpoints.ts'
import { refusalErrors } from '../refusals.ts'
import type { ServerOptions } from '../server-options.ts'
import { Slots, type Slotted } from './slots.ts'

/** Time that a cancelled call has to end by itself before the server answers for it, in ms. */
export const TIME_TO_END = 10
/** Time that the end of a cancelled call has to reach its reader before its stream is closed, in ms. */
export const TIME_TO_LEAVE = 100

/** A call that is open at a server. */
export interface LiveCall extends Slotted {
  readonly endless: boolean
  readonly context: RequestContext
}

/** The calls that are open at a server. */
export class LiveCalls extends Slots<LiveCall> {
  #onLast: (() => void) | undefined

  override remove(call: LiveCall): void {
    super.remove(call)
    if (this.size === 0) this.#onLast?.()
  }

  /** Resolves when no call is open, at once where none is. Calls may be open without a connection. */
  ended(): Promise<void> {
    return new Promise((resolve) => {
      if (this.size === 0) resolve()
      else this.#onLast = resolve
    })
  }

  /** Ends the calls that would never end by themselves. */
  drainEndless(): void {
    this.#drain((call) => call.endless)
  }

  drainAll(): void {
    this.#drain(() => true)
  }

  #drain(isMeant: (call: LiveCall) => boolean): void {
    for (const call of this.filter(isMeant)) call.context.cancel(refusalErrors.draining)
  }
}

/** What every call of a method is made with. */
export interface Mount<E extends Endpoint> {
  readonly endpoint: E
  readonly settings: ServerOptions
  readonly live: LiveCalls
}
