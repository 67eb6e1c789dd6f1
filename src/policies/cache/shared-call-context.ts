import type { CallContext } from '../../domain/call.ts'
import { Cancellation } from '../../domain/cancellation.ts'

/** The call as those after the cache see it: the first caller's, but with a deadline and an end of its own. */
export class FlightContext implements CallContext {
  readonly requestId: string
  readonly credential: string | undefined
  readonly cancellation = new Cancellation()
  readonly peer: string
  readonly trail: CallContext['trail']
  deadline: number
  readonly #first: CallContext

  constructor(first: CallContext) {
    this.requestId = first.requestId
    this.credential = first.credential
    this.peer = first.peer
    this.trail = first.trail
    this.deadline = first.deadline
    this.#first = first
  }

  get wire(): Uint8Array {
    return this.#first.wire
  }

  header(name: string): string | undefined {
    return this.#first.header(name)
  }
}
