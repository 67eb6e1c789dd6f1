import type { Call, CallContext, TextRequest } from '../../domain/calls/call.ts'
import type { CallRecord } from '../../domain/calls/call-record.ts'
import { ChildContext } from '../../domain/calls/child-context.ts'
import type { Clock } from '../../domain/clock.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import { originOf } from '../../domain/errors/reasons.ts'
import type { EventStream, Reader } from '../../domain/streams/event-stream.ts'
import type { Handler } from '../../domain/streams/follow.ts'
import type { ChatEvent } from '../../domain/types.ts'
import { sizeOf } from './event-size.ts'
import { Subscriber, type SubscriberOwner } from './subscriber.ts'

/** Largest response that can be joined and stored, in bytes. */
const MAX_BYTES = 1 << 20
/** A reader that stalls this long, in ms, while others wait for it is dropped. */
const PATIENCE = 10_000

export interface SharedCallOptions {
  readonly clock: Clock
  /** Id under which the response will be stored. */
  readonly cacheId: string
  /** The response is complete. Returns whether it is stored. */
  completed(events: readonly ChatEvent[], bytes: number): boolean
  /** No further call may join. */
  closed(): void
  /** A subscriber that does not pay was answered. */
  shared(usd: number | undefined): void
}

/**
 * One upstream call shared by all equal calls that were under way at the same time. It belongs to none of them: it has
 * a cancellation of its own and the latest of their deadlines, and ends early only when the last subscriber leaves. The
 * call that began it pays, even if it has left.
 */
export class SharedCall implements Reader<ChatEvent>, SubscriberOwner {
  readonly cacheId: string
  readonly first: CallContext
  readonly record: CallRecord
  /** On the monotonic clock, in ms. */
  readonly startedAt: number
  readonly #options: SharedCallOptions
  readonly #context: ChildContext
  readonly #subscribers: Subscriber[] = []
  #events: EventStream<ChatEvent> | undefined
  #start: ChatEvent | undefined
  /** Events so far, for later subscribers and the cache; undefined once they are too large. */
  #said: ChatEvent[] | undefined = []
  #bytes = 0
  #waiting = false
  #isOpen = true
  #stopPatience: (() => void) | undefined

  constructor(first: CallContext, options: SharedCallOptions) {
    this.#options = options
    this.#context = new ChildContext(first)
    this.cacheId = options.cacheId
    this.first = first
    this.record = this.#context.record
    this.startedAt = options.clock.now()
  }

  shared(usd: number | undefined): void {
    this.#options.shared(usd)
  }

  /** Starts the upstream call and delivers its result to all subscribers. */
  async start<C extends Call<TextRequest>>(next: Handler<C, ChatEvent>, call: C): Promise<void> {
    try {
      const events = await next({ ...call, context: this.#context })
      this.#events = events
      for (const subscriber of [...this.#subscribers]) subscriber.open([])
      events.read(this)
    } catch (thrown) {
      this.#refuse(GatewayError.from(thrown))
    }
  }

  /**
   * Settles when the first meaningful event is in hand. Undefined when the shared call failed by a rule that applies to
   * its first caller alone: then this call makes its own.
   */
  join(call: Call): Promise<EventStream<ChatEvent> | undefined> {
    this.#context.deadline = Math.max(this.#context.deadline, call.context.deadline)
    const subscriber = new Subscriber(this, call)
    this.#subscribers.push(subscriber)
    if (this.#events) subscriber.open([...(this.#start ? [this.#start] : []), ...(this.#said ?? [])])
    return subscriber.opened
  }

  event(event: ChatEvent): boolean {
    this.#remember(event)
    for (const subscriber of [...this.#subscribers]) subscriber.take(event)
    this.#waiting = this.#mustWait()
    if (this.#waiting) this.paused()
    return !this.#waiting
  }

  end(error?: GatewayError): void {
    this.#close()
    for (const subscriber of this.#subscribers.splice(0)) subscriber.end(error)
  }

  /** A subscriber's reader is full. */
  paused(): void {
    if (this.#said || this.#subscribers.length < 2 || this.#stopPatience) return
    for (const subscriber of this.#subscribers) subscriber.standsStill()
    this.#stopPatience = this.#options.clock.after(PATIENCE, () => this.#leaveBehind())
  }

  /** A subscriber's reader has room again. */
  resumed(): void {
    if (!this.#waiting || this.#mustWait()) return
    this.#waiting = false
    this.#events?.resume()
  }

  leave(subscriber: Subscriber, reason: GatewayError): boolean {
    const at = this.#subscribers.indexOf(subscriber)
    if (at < 0) return true
    if (this.#subscribers.length === 1) {
      this.#close()
      this.#context.cancellation.cancel(reason)
      return false
    }
    this.#subscribers.splice(at, 1)
    this.resumed()
    return true
  }

  #remember(event: ChatEvent): void {
    if (event.event.case === 'start') {
      this.#start = event
      return
    }
    if (!this.#said) return
    if (event.event.case === 'reset') {
      // Earlier events are void, for later subscribers too.
      this.#said = []
      this.#bytes = 0
      return
    }
    this.#said.push(event)
    this.#bytes += sizeOf(event)
    if (this.#bytes > MAX_BYTES) {
      this.#said = undefined
      this.#close()
    } else if (event.event.case === 'finish') {
      const kept = this.#options.completed(this.#said, this.#bytes)
      if (kept && event.event.value.route) event.event.value.route.cacheId = this.cacheId
      this.#close()
    }
  }

  /** The fastest reader sets the pace; once the response is too large to be stored, the slowest. */
  #mustWait(): boolean {
    return this.#said
      ? this.#subscribers.every((subscriber) => subscriber.isFull)
      : this.#subscribers.some((subscriber) => subscriber.isFull)
  }

  #leaveBehind(): void {
    this.#stopPatience = undefined
    for (const subscriber of [...this.#subscribers]) {
      if (this.#subscribers.length < 2 || !subscriber.standsStill()) continue
      this.#subscribers.splice(this.#subscribers.indexOf(subscriber), 1)
      subscriber.end(new GatewayError('CANCELLED', 'The client did not read a response that others were waiting for.'))
    }
    if (this.#subscribers.some((subscriber) => subscriber.isFull)) this.paused()
    this.resumed()
  }

  /** A vendor's error goes to all subscribers. Any other error concerns the first call alone. */
  #refuse(error: GatewayError): void {
    this.#close()
    const isShared = originOf(error.reason) === 'provider' || error.facts.upstream !== undefined
    const [first, ...others] = this.#subscribers.splice(0)
    first?.refuse(error)
    for (const subscriber of others) subscriber.refuse(isShared ? error : undefined)
  }

  #close(): void {
    this.#stopPatience?.()
    this.#stopPatience = undefined
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#options.closed()
  }
}
