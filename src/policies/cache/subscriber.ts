import type { Call, CallContext } from '../../domain/calls/call.ts'
import type { CallRecord } from '../../domain/calls/call-record.ts'
import type { GatewayError } from '../../domain/errors/error.ts'
import { EventStream, type Source } from '../../domain/streams/event-stream.ts'
import { startEvent } from '../../domain/streams/events.ts'
import type { ChatEvent, FinishEvent, StartEvent } from '../../domain/types.ts'
import { cachedFinish, cachedRoute } from './replay.ts'

/** What a subscriber needs of its shared call. */
export interface SubscriberOwner {
  readonly cacheId: string
  /** Context of the call that began it. */
  readonly first: CallContext
  /** Record of the shared upstream call. */
  readonly record: CallRecord
  paused(): void
  resumed(): void
  /** Returns false for the last subscriber, which then receives the ending that its leaving causes. */
  leave(subscriber: Subscriber, reason: GatewayError): boolean
  /** The subscriber was answered without paying. */
  shared(usd: number | undefined): void
}

/** One call that waits for the response of a shared call. */
export class Subscriber implements Source {
  /** Resolves to undefined when the call has to make its own upstream call. */
  readonly opened: Promise<EventStream<ChatEvent> | undefined>
  isFull = false
  readonly #sharedCall: SubscriberOwner
  readonly #context: CallContext
  #resolve: (events: EventStream<ChatEvent> | undefined) => void = () => {}
  #reject: (error: GatewayError) => void = () => {}
  #events: EventStream<ChatEvent> | undefined
  #takenBefore = -1

  constructor(sharedCall: SubscriberOwner, { context }: Call) {
    this.#sharedCall = sharedCall
    this.#context = context
    this.opened = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // The attempts of the shared call are those of each subscriber.
    context.record.attempts = sharedCall.record.attempts
    context.record.pays = context === sharedCall.first
    context.cancellation.add(this)
  }

  /** The provider answers; `said` are the events so far. */
  open(said: readonly ChatEvent[]): void {
    this.#context.cancellation.remove(this)
    this.#events = new EventStream<ChatEvent>(this.#context.cancellation, this)
    for (const event of said) this.take(event)
    this.#resolve(this.#events)
  }

  take(event: ChatEvent): void {
    this.#events?.push(this.#own(event))
  }

  end(error: GatewayError | undefined): void {
    this.#events?.end(error)
  }

  /** Ends it without a response. Without an error the call makes its own upstream call. */
  refuse(error: GatewayError | undefined): void {
    this.#context.cancellation.remove(this)
    if (error) {
      this.#reject(error)
      return
    }
    this.#context.record.attempts = []
    this.#context.record.pays = true
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

  /** Events that name the request or its cost are rewritten for each subscriber. */
  #own(event: ChatEvent): ChatEvent {
    if (this.#context === this.#sharedCall.first) return event
    if (event.event.case === 'start') return this.#start(event.event.value)
    return event.event.case === 'finish' ? this.#finish(event.event.value) : event
  }

  #start({ route }: StartEvent): ChatEvent {
    const { requestId } = this.#context
    return startEvent(requestId, route && cachedRoute(route, this.#context, this.#sharedCall.cacheId))
  }

  /** The call that began the shared call pays for it; the others are answered as from the cache. */
  #finish(finish: FinishEvent): ChatEvent {
    const context = this.#context
    context.record.attempts = []
    context.record.pays = true
    this.#sharedCall.shared(finish.cost?.usd)
    return cachedFinish(finish, context, finish.route?.cacheId ?? '')
  }
}
