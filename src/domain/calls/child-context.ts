import { Cancellation } from '../cancellation.ts'
import type { CallContext } from './call.ts'
import type { CallRecord } from './call-record.ts'

/**
 * Context of a call that the gateway makes on behalf of another one: the parent's identity, with a deadline and a
 * cancellation of its own.
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

  /** `record`: default is one of its own, a child of the parent's. `requestId`: default is the parent's. */
  constructor(parent: CallContext, record = parent.record.child(), requestId = parent.requestId) {
    this.requestId = requestId
    this.credential = parent.credential
    this.peer = parent.peer
    this.record = record
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
