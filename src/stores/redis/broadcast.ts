import type { Clock } from '../../domain/clock.ts'
import type { SharedStore } from '../../domain/ports/shared-store.ts'

export interface BroadcastOptions {
  readonly store: SharedStore
  readonly clock: Clock
  /** Identifies this process among all that share the store. */
  readonly origin: string
}

const STREAM = 'llm-gateway:news'
/** Entries kept in the stream, about. */
const MAX_LENGTH = 1_000
/** Time between two reads, in ms. */
const READ_INTERVAL = 300
const MAX_READ = 100
/** How far back the first read goes, in ms: longer than the longest time between two probes of a key. */
const REMEMBERED = 900_000

type Listener = (message: unknown) => void

/**
 * Messages from one gateway to all others that share a Redis: best effort, within a second, in order. They are sent over
 * a stream and not a subscription, so that nothing is lost while a connection is down, and so that a gateway that has just
 * started learns what others reported before.
 */
export class Broadcast {
  readonly #options: BroadcastOptions
  readonly #listeners = new Map<string, Listener>()
  /** Id of the last entry read; undefined before the first read. */
  #last: string | undefined
  #stopTimer: (() => void) | undefined
  #closed = false

  constructor(options: BroadcastOptions) {
    this.#options = options
    this.#readLater()
  }

  /** `message` must be JSON. The sender does not receive it. */
  notify(topic: string, message: unknown): void {
    const { store, origin } = this.#options
    const entry = JSON.stringify({ origin, topic, message })
    void store.send('XADD', [STREAM, 'MAXLEN', '~', MAX_LENGTH, '*', 'news', entry])
  }

  /** `listener` must check what it receives, and must not throw. */
  listen(topic: string, listener: Listener): void {
    this.#listeners.set(topic, listener)
  }

  close(): void {
    this.#closed = true
    this.#stopTimer?.()
  }

  #readLater(): void {
    if (this.#closed) return
    this.#stopTimer = this.#options.clock.after(READ_INTERVAL, () => {
      void this.#read().finally(() => this.#readLater())
    })
  }

  async #read(): Promise<void> {
    const { store, clock } = this.#options
    if (!store.available) return
    // What others reported before this process was there still holds.
    this.#last ??= `${clock.wall() - REMEMBERED}-0`
    const entries = await store.send('XRANGE', [STREAM, `(${this.#last}`, '+', 'COUNT', MAX_READ])
    if (!Array.isArray(entries)) return
    for (const raw of entries) {
      const entry = entryOf(raw)
      if (!entry) continue
      this.#last = entry.id
      this.#receive(entry.text)
    }
  }

  #receive(text: string): void {
    const { origin, topic, message } = parsed(text)
    if (origin !== this.#options.origin && typeof topic === 'string') this.#listeners.get(topic)?.(message)
  }
}

/** Reads an entry of a stream: its id, then names and values in turn. */
function entryOf(raw: unknown): { readonly id: string; readonly text: string } | undefined {
  if (!Array.isArray(raw) || !Array.isArray(raw[1])) return undefined
  return { id: String(raw[0]), text: String(raw[1][1]) }
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}
