import { Cancellation } from '../cancellation.ts'
import type { CallContext } from './call.ts'
import type { CallRecord } from './call-record.ts'

/**
 * Context of a call that the gateway makes on behalf of another one: the parent's identity, with a deadline, a
 * cancellation and a record of its own.
 */
export class ChildContext implements CallContext {
  readonly requestId: string
  readonly credential: string | undefined
  readonly cancellation = new Cancellation()
  readonly peer: string
  readonly record: CallRecord
  /** On the monotonic clock, in ms. Starts as the parent's. */
  deadline: number
  readonly #parent: CallContext

  constructor(parent: CallContext) {
    this.requestId = parent.requestId
    this.credential = parent.credential
    this.peer = parent.peer
    this.record = parent.record.child()
    this.deadline = parent.deadline
    this.#parent = parent
  }

  get background(): boolean {
    return this.#parent.background === true
  }

  get requestBytes(): Uint8Array {
    return this.#parent.requestBytes
  }

  header(name: string): string | undefined {
    return this.#parent.header(name)
  }
}
