import type { CallContext, Caller } from '../../domain/calls/call.ts'
import { CallRecord } from '../../domain/calls/call-record.ts'
import { Cancellation } from '../../domain/cancellation.ts'
import type { Clock } from '../../domain/clock.ts'

/** One request of a batch. */
export interface ItemFacts {
  readonly index: number
  readonly caller: Caller
  /** Its bytes among those of the batch. */
  readonly requestBytes: Uint8Array
  /** That of the batch. */
  readonly idempotencyKey: string | undefined
  /** On the monotonic clock, in ms. */
  readonly deadline: number
}

/** Context of the call that is made for one request of a batch: it has an id, a record and an ending of its own. */
export class ItemContext implements CallContext {
  readonly requestId: string
  readonly credential: string | undefined
  readonly caller: Caller
  readonly deadline: number
  readonly cancellation = new Cancellation()
  readonly peer: string
  readonly background = true
  readonly record: CallRecord
  readonly requestBytes: Uint8Array
  readonly idempotencyKey: string | undefined
  readonly #batch: CallContext

  constructor(batch: CallContext, clock: Clock, facts: ItemFacts) {
    const { index, caller, requestBytes, idempotencyKey, deadline } = facts
    this.requestId = `${batch.requestId}-${index}`
    this.credential = batch.credential
    this.caller = caller
    this.deadline = deadline
    this.peer = batch.peer
    this.record = new CallRecord(clock)
    this.requestBytes = requestBytes
    this.idempotencyKey = idempotencyKey === undefined ? undefined : `${idempotencyKey}/${index}`
    this.#batch = batch
  }

  get isLost(): boolean {
    return this.#batch.isLost === true
  }

  header(name: string): string | undefined {
    return this.#batch.header(name)
  }
}
