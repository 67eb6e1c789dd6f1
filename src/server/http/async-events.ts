import type { GatewayError } from '../../domain/errors/error.ts'
import type { EventStream, Reader } from '../../domain/streams/event-stream.ts'

/** Observes what happens to the events. */
export interface Follower<in E> {
  /** The reader asks for the next event. */
  asked(): void
  /** It is given one, and has to take it. What this throws ends the stream instead. */
  gave(event: E): void
  /** Called once. Returns the error as the reader receives it. */
  ended(error: GatewayError | undefined): Error | undefined
  /** The reader went before the end. */
  left(): void
}

interface Waiting<E> {
  resolve(result: IteratorResult<E, undefined>): void
  reject(error: Error): void
}

/** A stream of events as connect-node reads it: each `next` takes one, and only one `next` is open at a time. */
export class AsyncEvents<E> implements AsyncIterableIterator<E, undefined>, Reader<E> {
  readonly #follower: Follower<E>
  #events: EventStream<E> | undefined
  #reading = false
  #waiting: Waiting<E> | undefined
  #ending: { readonly error: Error | undefined } | undefined
  #isDiscarded = false

  constructor(follower: Follower<E>) {
    this.#follower = follower
  }

  /** Once the stream is there. Until then, and after it, `end` may be called. */
  open(events: EventStream<E>): void {
    this.#events = events
    if (this.#waiting || this.#isDiscarded) this.#pull()
  }

  /** Nobody reads any more: takes what comes, and throws it away. */
  discard(): void {
    this.#isDiscarded = true
    this.#pull()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<E, undefined>> {
    this.#follower.asked()
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      if (this.#ending) this.#settle()
      else this.#pull()
    })
  }

  return(): Promise<IteratorResult<E, undefined>> {
    if (!this.#ending) this.#follower.left()
    return Promise.resolve({ done: true, value: undefined })
  }

  /** Comes only while it is waited for, because the stream is read and resumed by `next` alone. */
  event(event: E): boolean {
    if (this.#isDiscarded) return true
    this.#follower.gave(event)
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.resolve({ done: false, value: event })
    return false
  }

  /** Says something beside the stream, if the reader waits for it. */
  say(event: E): void {
    if (this.#waiting && !this.#isDiscarded) this.event(event)
  }

  /** The first ending counts. */
  end(error?: GatewayError): void {
    this.#ending ??= { error: this.#follower.ended(error) }
    this.#settle()
  }

  #pull(): void {
    if (this.#reading) this.#events?.resume()
    else if (this.#events) {
      this.#reading = true
      this.#events.read(this)
    }
  }

  #settle(): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    if (this.#ending?.error) waiting?.reject(this.#ending.error)
    else waiting?.resolve({ done: true, value: undefined })
  }
}
