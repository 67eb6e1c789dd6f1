import type { Cancellation } from '../../domain/cancellation.ts'
import { GatewayError } from '../../domain/error.ts'
import { EventStream, type Reader, type Source } from '../../domain/event-stream.ts'
import { type AnyEvent, resetEvent } from '../../domain/events.ts'

/** What becomes of an answer that broke off: the stream of the next target, or the error of the call. */
export type AnswerAnew<E> = (error: GatewayError) => Promise<EventStream<E>>

/**
 * One stream of all the targets that it takes: where an answer breaks off, `reset` tells that what came is void, and
 * the next target's events follow.
 */
export function startOver<E extends AnyEvent>(
  first: EventStream<E>,
  cancellation: Cancellation,
  answerAnew: AnswerAnew<E>,
): EventStream<E> {
  // The first stream has been told so already.
  cancellation.throwIfCancelled()
  const joined = new JoinedSource(first, answerAnew)
  const events = new EventStream<E>(cancellation, joined)
  joined.feed(events)
  return events
}

class JoinedSource<E extends AnyEvent> implements Source, Reader<E> {
  readonly #answerAnew: AnswerAnew<E>
  /** Of the target that answers now. */
  #current: EventStream<E>
  #events: EventStream<E> | undefined
  #paused = false
  /** Why nobody wants the rest. */
  #reason: GatewayError | undefined
  #anew = false

  constructor(first: EventStream<E>, answerAnew: AnswerAnew<E>) {
    this.#current = first
    this.#answerAnew = answerAnew
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
    this.#events?.push(this.#anew ? this.#asReset(event) : event)
    return !this.#paused
  }

  end(error?: GatewayError): void {
    if (error?.fallback && !this.#reason) void this.#startAnew(error)
    else this.#events?.end(error)
  }

  /** The new answer's first event is its start. The caller has had one: to it this is the reset. */
  #asReset({ event }: E): E {
    this.#anew = false
    return resetEvent(event.case === 'start' ? event.value.route : undefined) as E // only chats start over
  }

  async #startAnew(error: GatewayError): Promise<void> {
    try {
      this.#current = await this.#answerAnew(error)
    } catch (thrown) {
      this.#events?.end(GatewayError.from(thrown))
      return
    }
    this.#anew = true
    this.#current.read(this)
    if (this.#reason) this.#current.cancel(this.#reason)
  }
}
