import type { Call, CallContext } from '../../domain/calls/call.ts'
import type { CallRecord } from '../../domain/calls/call-record.ts'
import type { GatewayError } from '../../domain/errors/error.ts'
import { EventStream, type Source } from '../../domain/streams/event-stream.ts'
import type { AnyEvent } from '../../domain/streams/events.ts'

/** What a subscriber needs of its shared call. */
export interface SubscriberOwner<E extends AnyEvent> {
  /** Context of the call that began it. */
  readonly first: CallContext
  /** Record of the shared upstream call. */
  readonly record: CallRecord
  /** An event as a call receives it that has joined. */
  forJoined(event: E, context: CallContext): E
  paused(): void
  resumed(): void
  /** Returns false for the last subscriber, which then receives the ending that its leaving causes. */
  leave(subscriber: Subscriber<E>, reason: GatewayError): boolean
}

/** One call that waits for the response of a shared call. */
export class Subscriber<E extends AnyEvent> implements Source {
  /** Resolves to undefined when the call has to make its own upstream call. */
  readonly opened: Promise<EventStream<E> | undefined>
  readonly context: CallContext
  isFull = false
  readonly #sharedCall: SubscriberOwner<E>
  #resolve: (events: EventStream<E> | undefined) => void = () => {}
  #reject: (error: GatewayError) => void = () => {}
  #events: EventStream<E> | undefined
  #takenBefore = -1

  constructor(sharedCall: SubscriberOwner<E>, { context }: Call) {
    this.#sharedCall = sharedCall
    this.context = context
    this.opened = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#shareAttempts()
    context.record.pays = context === sharedCall.first
    context.cancellation.add(this)
  }

  /** Whether its client's connection is lost. */
  get isLost(): boolean {
    return this.context.isLost === true
  }

  /** The provider answers; `said` are the events so far. */
  open(said: readonly E[]): void {
    this.#shareAttempts()
    this.context.cancellation.remove(this)
    this.#events = new EventStream<E>(this.context.cancellation, this)
    for (const event of said) this.take(event)
    this.#resolve(this.#events)
  }

  /** What one call receives that has joined differs from what the first receives. */
  take(event: E): void {
    const isFirst = this.context === this.#sharedCall.first
    this.#events?.push(isFirst ? event : this.#sharedCall.forJoined(event, this.context))
  }

  end(error: GatewayError | undefined): void {
    if (this.#events) this.#events.end(error)
    else this.refuse(error)
  }

  /** Ends it without a response. Without an error the call makes its own upstream call. */
  refuse(error: GatewayError | undefined): void {
    this.context.cancellation.remove(this)
    if (error) {
      this.#shareAttempts()
      this.#reject(error)
      return
    }
    this.context.record.leaveAttempts()
    this.context.record.pays = true
    this.#resolve(undefined)
  }

  /** Whether its reader is full and has read nothing since the last check. */
  standsStill(): boolean {
    const before = this.#takenBefore
    this.#takenBefore = this.#events?.taken ?? 0
    return this.isFull && before === this.#takenBefore
  }

  pause(): void {
    this.isFull = true
    this.#sharedCall.paused()
  }

  resume(): void {
    this.isFull = false
    this.#sharedCall.resumed()
  }

  cancel(reason: GatewayError): void {
    const left = this.#sharedCall.leave(this, reason)
    if (left && !this.#events) this.refuse(reason)
  }

  /** The attempts of the shared call are those of each subscriber. */
  #shareAttempts(): void {
    this.context.record.shareAttempts(this.#sharedCall.record)
  }
}
