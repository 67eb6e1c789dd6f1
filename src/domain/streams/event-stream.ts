import type { Cancellable, Cancellation } from '../cancellation.ts'
import { GatewayError } from '../errors/error.ts'

/** Observes the events of a stream without affecting its pace. */
export interface Watcher<in E> {
  event?(event: E): void
  /** Called exactly once, with an error if the stream failed. A returned promise delays the reader's `end`. */
  end(error?: GatewayError): void | Promise<void>
}

/** Consumes the events of a stream at its own pace. */
export interface Reader<in E> {
  /** Returns false when it is full: nothing more is delivered until `resume`. */
  event(event: E): boolean
  /** Called exactly once, after every watcher. */
  end(error?: GatewayError): void
}

/** Producer of the events. After `cancel` it must push nothing and hold no resource. */
export interface Source {
  pause(): void
  resume(): void
  cancel(reason: GatewayError): void
}

type State = 'open' | 'produced' | 'over'

/**
 * The events of one call, pushed from the upstream's chunk to the client's frame in one turn of the event loop.
 *
 * It guarantees that every watcher and the reader are notified of the end exactly once, whether the producer finishes
 * or fails, or the call is cancelled while nobody reads.
 */
export class EventStream<E> implements Cancellable {
  readonly #source: Source
  readonly #cancellation: Cancellation
  #watchers: Watcher<E>[] = []
  #reader: Reader<E> | undefined
  /** Events not read yet. The source is paused while there are any. */
  #waiting: E[] = []
  #paused = false
  #taken = 0
  #readerFull = false
  /** Makes what the reader receives, where that differs from what is produced and watched. */
  #convert: ((event: E) => unknown) | undefined
  #state: State = 'open'
  #ending: GatewayError | undefined

  /** If the call is already cancelled, the stream ends at once. */
  constructor(cancellation: Cancellation, source: Source) {
    this.#source = source
    this.#cancellation = cancellation
    cancellation.add(this)
  }

  /** Number of events the reader has taken, which shows whether it has stalled. */
  get taken(): number {
    return this.#taken
  }

  /** Called by the producer with the next event. Ignored after the end. */
  push(event: E): void {
    if (this.#state !== 'open') return
    try {
      for (const watcher of this.#watchers) watcher.event?.(event)
      if (this.#reader && !this.#readerFull) {
        this.#taken++
        this.#readerFull = !this.#reader.event(event)
      } else {
        this.#waiting.push(event)
      }
    } catch (error) {
      this.cancel(GatewayError.from(error))
      return
    }
    if ((this.#readerFull || !this.#reader) && !this.#paused && this.#isOpen()) {
      this.#paused = true
      this.#source.pause()
    }
  }

  /** Called by the producer after the last event or on failure. Ignored after the first time. */
  end(error?: GatewayError): void {
    if (this.#state !== 'open') return
    this.#state = 'produced'
    this.#ending = error
    if (this.#reader && this.#waiting.length === 0) this.#settle(error)
  }

  /** Adds an observer of all events from the first one on. Watchers are notified in the order of their addition. */
  watch(watcher: Watcher<E>): void {
    if (this.#state === 'over') {
      void watcher.end(this.#ending)
      return
    }
    if (this.#reader) throw new Error('too late to watch: the stream is being read')
    this.#watchers.push(watcher)
    if (!watcher.event) return
    try {
      for (const event of this.#waiting) watcher.event(event)
    } catch (error) {
      this.cancel(GatewayError.from(error))
    }
  }

  /** Ends the stream before it is complete. */
  cancel(reason: GatewayError): void {
    if (this.#state === 'open') this.#source.cancel(reason)
    this.#settle(reason)
  }

  /** This stream, for a reader of another form of its events. To be called before it is read. */
  as<F>(convert: (event: E) => F): EventStream<F> {
    this.#convert = convert
    return this as unknown as EventStream<F> // From here on it is only read.
  }

  /** Attaches the only consumer. */
  read(reader: Reader<E>): void {
    this.#reader = this.#convert ? converting(reader, this.#convert as (event: E) => E) : reader // `as` has its type
    if (this.#state === 'over') reader.end(this.#ending)
    else this.resume()
  }

  /** Called by the reader when it can take more events. */
  resume(): void {
    if (this.#state === 'over' || !this.#reader) return
    this.#readerFull = false
    let taken = 0
    try {
      while (taken < this.#waiting.length && !this.#readerFull) {
        this.#readerFull = !this.#reader.event(this.#waiting[taken++] as E) // taken < length: there is one
      }
    } catch (error) {
      this.cancel(GatewayError.from(error))
      return
    }
    this.#taken += taken
    this.#waiting = taken === this.#waiting.length ? [] : this.#waiting.slice(taken)
    if (this.#waiting.length > 0) return
    if (this.#state === 'produced') this.#settle(this.#ending)
    else if (this.#paused && !this.#readerFull && this.#isOpen()) {
      this.#paused = false
      this.#source.resume()
    }
  }

  /** Checked again after callbacks, which may have ended the stream. */
  #isOpen(): boolean {
    return this.#state === 'open'
  }

  #settle(error: GatewayError | undefined): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#ending = error
    this.#waiting = []
    this.#cancellation.remove(this)
    const watchers = this.#watchers
    this.#watchers = []
    let ending = error
    const held: Promise<void>[] = []
    for (const watcher of watchers) {
      try {
        const reported = watcher.end(error)
        if (reported) held.push(reported)
      } catch (thrown) {
        ending ??= GatewayError.from(thrown)
      }
    }
    if (held.length === 0) {
      this.#reader?.end(ending)
      return
    }
    Promise.all(held).then(
      () => this.#reader?.end(ending),
      (thrown) => this.#reader?.end(ending ?? GatewayError.from(thrown)),
    )
  }
}

function converting<E>(reader: Reader<E>, convert: (event: E) => E): Reader<E> {
  return {
    event: (event) => reader.event(convert(event)),
    end: (error) => reader.end(error),
  }
}
