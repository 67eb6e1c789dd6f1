import type { AlertBook, AuditTrail, BudgetBook } from '../../../domain/ports/money/ledger-books.ts'
import type { LedgerQueries } from '../../../domain/ports/money/ledger-queries.ts'

/** How far the database is behind the journals. */
export interface StoreProgress {
  /** Bytes of journals that are not in the database yet. */
  readonly pendingBytes: number
  /** Time in ms since the database last had everything; 0 when nothing is pending. */
  readonly lag: number
  /** Why the database cannot be used; empty when it can. */
  readonly trouble: string
  /** Lines that were damaged, or that the database refuses, since the process started. */
  readonly skippedLines: number
  /** Records written since the process started. */
  readonly records: number
}

/** The database of the ledger, as the main thread sees it. It works in threads of its own and never holds up the caller. */
export interface StoredLedger extends LedgerQueries, BudgetBook, AlertBook, AuditTrail {
  /**
   * Resolves when everything that ended processes left in their journals is in the database, or when the database turns
   * out to be unavailable. It never rejects.
   */
  readonly swept: Promise<void>
  /** Updated about twice a second. */
  readonly progress: StoreProgress
  /** Reads the journals to their end within `time` ms. Resolves to the number of lines that are left. */
  drain(time: number): Promise<number>
  /** Ends the threads. */
  close(): Promise<void>
}
