import type { Cancellation } from '../../domain/cancellation.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import { EventStream, type Reader, type Source } from '../../domain/streams/event-stream.ts'
import { type AnyEvent, resetEvent } from '../../domain/streams/events.ts'

/**
 * Continues after a response broke off: resolves to the stream of the next target, or rejects with the call's error.
 */
export type AskAgain<E> = (error: GatewayError) => Promise<EventStream<E>>

/**
 * One stream over all targets that are needed: when a response breaks off, a `reset` event says that what was sent is
 * void, and the next target's events follow.
 */
export function startOver<E extends AnyEvent>(
  first: EventStream<E>,
  cancellation: Cancellation,
  askAgain: AskAgain<E>,
): EventStream<E> {
  // The first stream has been notified already.
  cancellation.throwIfCancelled()
  const joined = new JoinedSource(first, askAgain)
  const events = new EventStream<E>(cancellation, joined)
  joined.feed(events)
  return events
}

class JoinedSource<E extends AnyEvent> implements Source, Reader<E> {
  readonly #askAgain: AskAgain<E>
  /** Stream of the target that answers now. */
  #current: EventStream<E>
  #events: EventStream<E> | undefined
  #paused = false
  /** Set when the call was cancelled. */
  #reason: GatewayError | undefined
  #again = false

  constructor(first: EventStream<E>, askAgain: AskAgain<E>) {
    this.#current = first
    this.#askAgain = askAgain
  }

  feed(events: EventStream<E>): void {
    this.#events = events
    this.#current.read(this)
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#current.resume()
  }

  cancel(reason: GatewayError): void {
    this.#reason = reason
    this.#current.cancel(reason)
  }

  event(event: E): boolean {
    this.#events?.push(this.#again ? this.#asReset(event) : event)
    return !this.#paused
  }

  end(error?: GatewayError): void {
    if (error?.fallback && !this.#reason) void this.#startAgain(error)
    else this.#events?.end(error)
  }

  /** The new response begins with a start event. The caller already has one, so it receives a reset instead. */
  #asReset({ event }: E): E {
    this.#again = false
    return resetEvent(event.case === 'start' ? event.value.route : undefined) as E // only chats start over
  }

  async #startAgain(error: GatewayError): Promise<void> {
    try {
      this.#current = await this.#askAgain(error)
    } catch (thrown) {
      this.#events?.end(GatewayError.from(thrown))
      return
    }
    this.#again = true
    this.#current.read(this)
    if (this.#reason) this.#current.cancel(this.#reason)
  }
}
