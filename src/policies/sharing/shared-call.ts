import type { Call, CallContext } from '../../domain/calls/call.ts'
import type { CallRecord } from '../../domain/calls/call-record.ts'
import type { ChildContext } from '../../domain/calls/child-context.ts'
import type { Clock } from '../../domain/clock.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import type { EventStream, Reader } from '../../domain/streams/event-stream.ts'
import type { AnyEvent } from '../../domain/streams/events.ts'
import type { Handler } from '../../domain/streams/follow.ts'
import { Subscriber, type SubscriberOwner } from './subscriber.ts'

/** Largest response that can be joined and stored, in bytes. */
export const MAX_BYTES = 1 << 20
/** A reader that stalls this long, in ms, while others wait for it is dropped. */
const PATIENCE = 10_000

export interface SharedCallOptions<E extends AnyEvent> {
  readonly clock: Clock
  /** Size of an event, in bytes: what adds up to more than MAX_BYTES is not remembered. */
  sizeOf(event: E): number
  /** An event as a call receives it that has joined, and does not pay. */
  forJoined(event: E, context: CallContext): E
  /** Whether an error that comes before any event is everybody's. Any other concerns the first call alone. */
  isForAll(error: GatewayError): boolean
  /** An error in the middle of the response as a call receives it. Default: the error itself. */
  errorFor?(error: GatewayError, context: CallContext): GatewayError
  /**
   * The call is over. A returned promise, which must not reject, holds back the last event and the ending of every
   * subscriber.
   */
  ended(result: SharedResult<E>): void | Promise<void>
  /** No further call may join. */
  closed?(): void
}

/** How a shared call ended. */
export interface SharedResult<E> {
  /** The start, where there is one. */
  readonly start: E | undefined
  /** The events after it, without those that a reset made void; undefined when they are too large. */
  readonly events: readonly E[] | undefined
  /** Size of the events. */
  readonly bytes: number
  /** Undefined when the response is complete. */
  readonly error: GatewayError | undefined
}

/**
 * One upstream call shared by all equal calls that were under way at the same time. It belongs to none of them: it has
 * a cancellation of its own and the latest of their deadlines, and ends early only when the last subscriber leaves. The
 * call that began it pays, even if it has left.
 */
export class SharedCall<E extends AnyEvent> implements Reader<E>, SubscriberOwner<E> {
  readonly first: CallContext
  readonly record: CallRecord
  /** On the monotonic clock, in ms. */
  readonly startedAt: number
  readonly #options: SharedCallOptions<E>
  readonly #context: ChildContext
  readonly #subscribers: Subscriber<E>[] = []
  #events: EventStream<E> | undefined
  #start: E | undefined
  /** Events so far, for later subscribers and the store; undefined once they are too large. */
  #said: E[] | undefined = []
  #bytes = 0
  #waiting = false
  #isOpen = true
  #isOver = false
  /** What holds back the last event and the ending. */
  #held: Promise<void> | undefined
  #stopPatience: (() => void) | undefined

  /** `context` is that of the shared call itself, made for `first`. */
  constructor(first: CallContext, context: ChildContext, options: SharedCallOptions<E>) {
    this.#options = options
    this.#context = context
    this.first = first
    this.record = context.record
    this.startedAt = options.clock.now()
  }

  /** Whether further calls may join. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Whether it has ended, or was cancelled and is about to. */
  get isEnding(): boolean {
    return this.#isOver || this.#context.cancellation.reason !== undefined
  }

  forJoined(event: E, context: CallContext): E {
    return this.#options.forJoined(event, context)
  }

  /** Starts the upstream call and delivers its result to all subscribers. */
  async start<C extends Call>(next: Handler<C, E>, call: C): Promise<void> {
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
  join(call: Call): Promise<EventStream<E> | undefined> {
    const subscriber = new Subscriber<E>(this, call)
    // One that was cancelled before has left.
    if (call.context.cancellation.reason) return subscriber.opened
    this.#context.deadline = Math.max(this.#context.deadline, call.context.deadline)
    this.#subscribers.push(subscriber)
    if (this.#events) subscriber.open([...(this.#start ? [this.#start] : []), ...(this.#said ?? [])])
    return subscriber.opened
  }

  event(event: E): boolean {
    this.#remember(event)
    const held = event.event.case === 'finish' ? this.#over(undefined) : undefined
    if (!held) return this.#deliver(event)
    void held.then(() => this.#deliver(event))
    return true
  }

  end(error?: GatewayError): void {
    const held = this.#over(error)
    const end = () => {
      const { errorFor = unchanged } = this.#options
      for (const subscriber of this.#subscribers.splice(0)) subscriber.end(error && errorFor(error, subscriber.context))
    }
    if (held) void held.then(end)
    else end()
  }

  /** Whether a call still takes part. */
  has(context: CallContext): boolean {
    return this.#subscribers.some((subscriber) => subscriber.context === context)
  }

  /** Ends the response of one call, while the others go on. */
  dismiss(context: CallContext, error: GatewayError): void {
    const at = this.#subscribers.findIndex((subscriber) => subscriber.context === context)
    const [subscriber] = at < 0 ? [] : this.#subscribers.splice(at, 1)
    subscriber?.end(error)
    // Later: an event may be on its way here.
    void Promise.resolve().then(() => this.resumed())
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

  leave(subscriber: Subscriber<E>, reason: GatewayError): boolean {
    const at = this.#subscribers.indexOf(subscriber)
    if (at < 0) return true
    if (!this.#subscribers.some((other) => other !== subscriber && needsMore(other, subscriber, reason))) {
      this.#close()
      this.#context.cancellation.cancel(reason)
      return false
    }
    this.#subscribers.splice(at, 1)
    this.resumed()
    return true
  }

  #deliver(event: E): boolean {
    for (const subscriber of [...this.#subscribers]) subscriber.take(event)
    this.#waiting = this.#mustWait()
    if (this.#waiting) this.paused()
    return !this.#waiting
  }

  #remember(event: E): void {
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
    this.#bytes += this.#options.sizeOf(event)
    if (this.#bytes > MAX_BYTES) {
      this.#said = undefined
      this.#close()
    }
  }

  /** Reports the result, once. Returns what holds its ending back. */
  #over(error: GatewayError | undefined): Promise<void> | undefined {
    this.#close()
    if (this.#isOver) return this.#held
    this.#isOver = true
    this.#held = this.#options.ended({ start: this.#start, events: this.#said, bytes: this.#bytes, error }) ?? undefined
    return this.#held
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

  #refuse(error: GatewayError): void {
    const held = this.#over(error)
    const refuse = () => {
      const [first, ...others] = this.#subscribers.splice(0)
      first?.refuse(error)
      for (const subscriber of others) subscriber.refuse(this.#options.isForAll(error) ? error : undefined)
    }
    if (held) void held.then(refuse)
    else refuse()
  }

  #close(): void {
    this.#stopPatience?.()
    this.#stopPatience = undefined
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#options.closed?.()
  }
}

function unchanged(error: GatewayError): GatewayError {
  return error
}

/**
 * Whether a subscriber still needs the call when another one leaves. One without a connection does not when a client
 * cancels: its own client may well be the same.
 */
function needsMore<E extends AnyEvent>(
  { isLost }: Subscriber<E>,
  leaving: Subscriber<E>,
  { reason }: GatewayError,
): boolean {
  return !isLost || leaving.isLost || reason !== 'CANCELLED'
}
