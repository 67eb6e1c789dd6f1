import type { Call, CallContext } from '../../domain/call.ts'
import { type CallRecord, duration } from '../../domain/call-record.ts'
import type { GatewayError } from '../../domain/error.ts'
import { EventStream, type Source } from '../../domain/event-stream.ts'
import { finishEvent, startEvent } from '../../domain/events.ts'
import type { ChatEvent, FinishEvent, StartEvent } from '../../domain/types.ts'
import { cachedFinish, cachedRoute } from './replay.ts'

/** What a seat needs of its flight. */
export interface SubscriberOwner {
  readonly cacheId: string
  /** Context of the call that began it. */
  readonly first: CallContext
  /** Record of the shared upstream call. */
  readonly record: CallRecord
  paused(): void
  resumed(): void
  /** False when it was the last one, who then hears of the ending that its leaving brings about. */
  leave(subscriber: Subscriber, reason: GatewayError): boolean
  /** It was answered without having paid. */
  shared(usd: number | undefined): void
}

/** One of those who wait for the same answer. */
export class Subscriber implements Source {
  /** Undefined: it has to ask by itself. */
  readonly opened: Promise<EventStream<ChatEvent> | undefined>
  isFull = false
  readonly #sharedCall: SubscriberOwner
  readonly #context: CallContext
  #board: (events: EventStream<ChatEvent> | undefined) => void = () => {}
  #reject: (error: GatewayError) => void = () => {}
  #events: EventStream<ChatEvent> | undefined
  #takenBefore = -1

  constructor(sharedCall: SubscriberOwner, { context }: Call) {
    this.#sharedCall = sharedCall
    this.#context = context
    this.opened = new Promise((resolve, reject) => {
      this.#board = resolve
      this.#reject = reject
    })
    // The attempts of the shared call are those of each subscriber.
    context.record.attempts = sharedCall.record.attempts
    context.cancellation.add(this)
  }

  /** The provider answers. `said` so far. */
  open(said: readonly ChatEvent[]): void {
    this.#context.cancellation.remove(this)
    this.#events = new EventStream<ChatEvent>(this.#context.cancellation, this)
    for (const event of said) this.take(event, false)
    this.#board(this.#events)
  }

  take(event: ChatEvent, pays: boolean): void {
    this.#events?.push(this.#own(event, pays))
  }

  end(error: GatewayError | undefined): void {
    this.#events?.end(error)
  }

  /** There is no answer for it; without an error it may ask by itself. */
  refuse(error: GatewayError | undefined): void {
    this.#context.cancellation.remove(this)
    if (error) {
      this.#reject(error)
      return
    }
    this.#context.record.attempts = []
    this.#board(undefined)
  }

  /** Whether its reader took nothing since this was last asked, and has no room. */
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

  /** What only the one who asked may be told is told to each in its own words. */
  #own(event: ChatEvent, pays: boolean): ChatEvent {
    if (this.#context === this.#sharedCall.first) return event
    if (event.event.case === 'start') return this.#start(event.event.value)
    return event.event.case === 'finish' ? this.#finish(event.event.value, pays) : event
  }

  #start({ route }: StartEvent): ChatEvent {
    const { requestId } = this.#context
    return startEvent(requestId, route && cachedRoute(route, this.#context, this.#sharedCall.cacheId))
  }

  #finish(finish: FinishEvent, pays: boolean): ChatEvent {
    const context = this.#context
    if (!pays) {
      context.record.attempts = []
      this.#sharedCall.shared(finish.cost?.usd)
      return cachedFinish(finish, context, finish.route?.cacheId ?? '')
    }
    const latency = duration(context.record.elapsed())
    return finishEvent({ ...finish, route: finish.route && { ...finish.route, latency } })
  }
}
