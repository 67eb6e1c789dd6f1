import type { CallContext } from '../../domain/call.ts'
import { Cancellation } from '../../domain/cancellation.ts'

/** The call as those after the cache see it: the first caller's, but with a deadline and an end of its own. */
export class SharedCallContext implements CallContext {
  readonly requestId: string
  readonly credential: string | undefined
  readonly cancellation = new Cancellation()
  readonly peer: string
  readonly record: CallContext['record']
  deadline: number
  readonly #first: CallContext

  constructor(first: CallContext) {
    this.requestId = first.requestId
    this.credential = first.credential
    this.peer = first.peer
    this.record = first.record
    this.deadline = first.deadline
    this.#first = first
  }

  get requestBytes(): Uint8Array {
    return this.#first.requestBytes
  }

  header(name: string): string | undefined {
    return this.#first.header(name)
  }
}
