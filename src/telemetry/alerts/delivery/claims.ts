import type { Clock } from '../../../domain/clock.ts'
import type { AlertBook, ClaimedAlert } from '../../../domain/ports/money/ledger-books.ts'
import { type Alert, claimKey } from '../alert.ts'

export interface ClaimsOptions {
  readonly clock: Clock
  /** Undefined when this process alone knows what was sent. */
  readonly book: AlertBook | undefined
  /** Keys of the alerts that are being sent. */
  readonly held: () => readonly string[]
  /** Receives an alert that another process claimed and did not send. Returns false when nobody can send it. */
  readonly onTaken: (receiver: string, alert: Alert, key: string) => boolean
}

/** Time between two reports that alerts are still being sent, in ms. */
const KEEP_INTERVAL = 2_000
/** Age at which a pending alert is taken over, in ms. */
const ABANDONED_AFTER = 8_000
/** Time between two looks for alerts to take over, in ms. */
const TAKE_INTERVAL = 10_000
/** Sent alerts that could not be marked, at most. */
const MAX_UNMARKED = 1_000

/**
 * Which alerts this process may send: one of all that share a book, and it alone. Without a book, or while that cannot be
 * used, every process may.
 */
export class Claims {
  readonly #options: ClaimsOptions
  readonly #unmarked = new Set<string>()
  #stopTaking: (() => void) | undefined
  #stopKeeping: (() => void) | undefined
  #closed = false

  constructor(options: ClaimsOptions) {
    this.#options = options
    if (options.book) void this.#take(options.book)
  }

  /** The key if this process may send the alert to the receiver; undefined if another one does. */
  async claim(identity: string, receiver: string, alert: Alert, expiresAt: number): Promise<string | undefined> {
    const key = claimKey(identity, receiver)
    const { book } = this.#options
    if (!book) return key
    const body = JSON.stringify({ receiver, alert })
    const isFree = await book.claimAlert({ key, id: alert.id, body, expiresAt }).catch(() => true)
    return isFree ? key : undefined
  }

  /** Takes an alert that is not to be sent out of the way of every process. */
  async suppress(identity: string, receiver: string, alert: Alert, expiresAt: number): Promise<void> {
    const key = await this.claim(identity, receiver, alert, expiresAt)
    if (key !== undefined) this.sent(key)
  }

  sent(key: string): void {
    this.#options.book?.markAlertSent(key).catch(() => {
      if (this.#unmarked.size < MAX_UNMARKED) this.#unmarked.add(key)
    })
  }

  expire(identity: string, receiver: string, at: number): void {
    this.#options.book?.expireAlert(claimKey(identity, receiver), at).catch(() => {})
  }

  /** To be called when an alert begins to wait for its receiver. */
  keep(): void {
    const { book, clock, held } = this.#options
    if (!book || this.#stopKeeping || this.#closed) return
    this.#stopKeeping = clock.after(KEEP_INTERVAL, () => {
      this.#stopKeeping = undefined
      const keys = held()
      if (keys.length === 0) return
      book.keepAlerts(keys).catch(() => {})
      this.keep()
    })
  }

  close(): void {
    this.#closed = true
    this.#stopTaking?.()
    this.#stopKeeping?.()
  }

  async #take(book: AlertBook): Promise<void> {
    const taken = await book.takePendingAlerts(ABANDONED_AFTER).catch(() => [])
    if (this.#closed) return
    for (const claimed of taken) this.#receive(claimed)
    this.#stopTaking = this.#options.clock.after(TAKE_INTERVAL, () => void this.#take(book))
  }

  #receive({ key, body }: ClaimedAlert): void {
    if (this.#unmarked.delete(key)) {
      this.sent(key)
      return
    }
    const found = parsed(body)
    if (!found || !this.#options.onTaken(found.receiver, found.alert, key)) this.sent(key)
  }
}

/** Undefined for what another version has written. */
function parsed(body: string): { readonly receiver: string; readonly alert: Alert } | undefined {
  try {
    const { receiver, alert }: { receiver?: unknown; alert?: Partial<Alert> } = JSON.parse(body)
    const isAlert = typeof alert?.id === 'string' && typeof alert.summary === 'string' && typeof alert.time === 'number'
    // Gateways write complete alerts only.
    return typeof receiver === 'string' && isAlert ? { receiver, alert: alert as Alert } : undefined
  } catch {
    return undefined
  }
}
