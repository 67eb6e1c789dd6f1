import type { Notice } from '../alert.ts'
import type { AlertEvent } from '../settings.ts'

/** Where alerts are sent. */
export interface Receiver {
  /** Label of metrics, and part of the key of a claim: it must not change while alerts are pending. */
  readonly name: string
  /** Empty for all. */
  readonly events: readonly AlertEvent[]
  /** Whether it is informed when what an alert reported is over. */
  readonly takesResolved: boolean
  /** Whether an alert must be repeated each minute for as long as it holds. */
  readonly needsRepeats: boolean
  /** Never rejects. */
  deliver(notice: Notice): Promise<Delivery>
}

/** What came of sending an alert once. */
export interface Delivery {
  readonly ok: boolean
  /** What the receiver said, or why it could not be reached. Contains no secret. */
  readonly message: string
  /** How long the receiver asks to be left alone, in ms. */
  readonly retryAfter?: number
  /** Whether the receiver refused this alert in a way that a repetition soon would not change. */
  readonly refused?: boolean
}

export function wants({ events }: Receiver, event: AlertEvent | 'test'): boolean {
  return event === 'test' || events.length === 0 || events.includes(event)
}
