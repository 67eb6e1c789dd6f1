import type { Clock } from '../../domain/clock.ts'
import type { SharedStore } from '../../domain/ports/shared-store.ts'

export interface BroadcastOptions {
  readonly store: SharedStore
  readonly clock: Clock
  /** This process, among all that share the store. */
  readonly origin: string
}

const STREAM = 'llm-gateway:news'
/** Older news are forgotten. */
const KEPT = 1_000
/** Between two looks, in ms. */
const PAUSE = 300
const AT_ONCE = 100

type Hear = (broadcast: unknown) => void

/**
 * What one gateway tells all others that share a Redis: best effort, within a second, in order. A stream that everybody
 * reads and not a subscription, so that nothing is missed while the connection is made anew.
 */
export class Broadcast {
  readonly #options: BroadcastOptions
  readonly #listeners = new Map<string, Hear>()
  /** The last that was read; undefined before the first look. */
  #last: string | undefined
  #stopTimer: (() => void) | undefined
  #closed = false

  constructor(options: BroadcastOptions) {
    this.#options = options
    this.#lookLater()
  }

  /** `news` must be JSON. What this process tells it does not hear. */
  notify(topic: string, broadcast: unknown): void {
    const { store, origin } = this.#options
    const entry = JSON.stringify({ origin, topic, broadcast })
    void store.send('XADD', [STREAM, 'MAXLEN', '~', KEPT, '*', 'news', entry])
  }

  /** `hear` must not trust what it is told, nor throw. */
  listen(topic: string, hear: Hear): void {
    this.#listeners.set(topic, hear)
  }

  close(): void {
    this.#closed = true
    this.#stopTimer?.()
  }

  #lookLater(): void {
    if (this.#closed) return
    this.#stopTimer = this.#options.clock.after(PAUSE, () => {
      void this.#look().finally(() => this.#lookLater())
    })
  }

  async #look(): Promise<void> {
    const { store } = this.#options
    if (!store.available) return
    if (this.#last === undefined) {
      const newest = await store.send('XREVRANGE', [STREAM, '+', '-', 'COUNT', 1])
      if (Array.isArray(newest)) this.#last = entryOf(newest[0])?.id ?? '0-0'
      return
    }
    const entries = await store.send('XRANGE', [STREAM, `(${this.#last}`, '+', 'COUNT', AT_ONCE])
    if (!Array.isArray(entries)) return
    for (const raw of entries) {
      const entry = entryOf(raw)
      if (!entry) continue
      this.#last = entry.id
      this.#hear(entry.text)
    }
  }

  #hear(text: string): void {
    const { origin, topic, broadcast } = parsed(text)
    if (origin !== this.#options.origin && typeof topic === 'string') this.#listeners.get(topic)?.(broadcast)
  }
}

/** An entry of a stream as Redis replies: its id, then names and values in turn. */
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
