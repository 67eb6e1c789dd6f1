import type { NanoDollars } from '../../../domain/money.ts'
import type { Charge } from '../../../domain/ports/money/ledger.ts'

/** What a line says about a charge. */
export interface ChargeEntry {
  /**
   * `intent`: the attempt is about to be sent; the outcome is what is charged if the end is never learned.
   * `settled`: the attempt has ended; with an `ending` it is the final record of its call.
   * `final`: the call of a charge that was settled without an `ending` has ended; the charge is given in full again.
   */
  readonly kind: 'intent' | 'settled' | 'final'
  readonly charge: Charge
}

/** Cache hits of one second that agree in everything else. */
export interface HitsEntry {
  readonly kind: 'hits'
  /** Start of the second, wall time in ms. */
  readonly time: number
  readonly operation: string
  readonly caller: string
  readonly userId: string
  readonly alias: string
  readonly provider: string
  readonly model: string
  readonly hits: number
  /** What the hits saved together. */
  readonly saved: NanoDollars
}

/** One line of the journal. */
export type JournalEntry = ChargeEntry | HitsEntry
