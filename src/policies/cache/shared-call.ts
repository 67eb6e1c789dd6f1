import type { Call, CallContext } from '../../domain/call.ts'
import type { CallRecord } from '../../domain/call-record.ts'
import { ChildContext } from '../../domain/child-context.ts'
import type { Clock } from '../../domain/clock.ts'
import { GatewayError } from '../../domain/error.ts'
import type { EventStream, Reader } from '../../domain/event-stream.ts'
import type { Handler } from '../../domain/follow.ts'
import { originOf } from '../../domain/reasons.ts'
import type { ChatEvent, ChatRequest } from '../../domain/types.ts'
import { sizeOf } from './event-size.ts'
import { Subscriber, type SubscriberOwner } from './subscriber.ts'

/** Of an answer: beyond it nobody may join, and nothing is kept. */
const MAX_BYTES = 1 << 20
/** A reader that stands still for so long, in ms, while others wait for it, is left behind. */
const PATIENCE = 10_000

export interface SharedCallOptions {
  readonly clock: Clock
  /** Under which the answer will be kept. */
  readonly cacheId: string
  /** The answer is complete. Returns whether it is kept. */
  completed(events: readonly ChatEvent[], bytes: number): boolean
  /** Nobody may join any more. */
  closed(): void
  /** A call was answered that does not pay. */
  shared(usd: number | undefined): void
}

/**
 * One question to a provider, and everybody who asked it at the same time. It belongs to none of them: it has a
 * cancellation of its own, the latest of their deadlines, and ends early only when the last one leaves. The earliest
 * of those who are there at the end pays.
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
  /** For those who join later and for the cache; undefined once it is too long. */
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

  /** Asks the provider. Whoever joined is told what comes of it. */
  async start<C extends Call<ChatRequest>>(next: Handler<C, ChatEvent>, call: C): Promise<void> {
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
   * Settles when the first meaningful event is in hand. Undefined when the question failed by a rule that holds for
   * the first caller alone: then this one asks by itself.
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
    const payer = this.#subscribers[0]
    for (const subscriber of [...this.#subscribers]) subscriber.take(event, subscriber === payer)
    this.#waiting = this.#mustWait()
    if (this.#waiting) this.paused()
    return !this.#waiting
  }

  end(error?: GatewayError): void {
    this.#close()
    for (const subscriber of this.#subscribers.splice(0)) subscriber.end(error)
  }

  /** A reader has no room. */
  paused(): void {
    if (this.#said || this.#subscribers.length < 2 || this.#stopPatience) return
    for (const subscriber of this.#subscribers) subscriber.standsStill()
    this.#stopPatience = this.#options.clock.after(PATIENCE, () => this.#leaveBehind())
  }

  /** A reader has room again. */
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
      // What was said is void, for those who come later too.
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

  /** The fastest reader sets the pace; once the answer is too long to be remembered, the slowest. */
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
      subscriber.end(
        new GatewayError('CANCELLED', 'The caller took nothing of an answer that others were waiting for.'),
      )
    }
    if (this.#subscribers.some((subscriber) => subscriber.isFull)) this.paused()
    this.resumed()
  }

  /** A vendor's error is everybody's. Any other is that of the call that was under way. */
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
