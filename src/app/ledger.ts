import type { Clock } from '../domain/clock.ts'
import type { Ledger } from '../domain/ports/money/ledger.ts'
import type { AlertBook, AuditTrail, BudgetBook } from '../domain/ports/money/ledger-books.ts'
import type { LedgerQueries } from '../domain/ports/money/ledger-queries.ts'
import type { ComponentState } from '../domain/ports/operations/components.ts'
import type { OperatorEvents } from '../domain/ports/operations/operator-events.ts'
import type { OpenJournal } from '../stores/ledger/journal/open-journal.ts'
import { MemoryLedger } from '../stores/ledger/memory-ledger.ts'
import { type LedgerSettings, unwritableFolder } from '../stores/ledger/settings.ts'
import type { StoredLedger, StoreProgress } from '../stores/ledger/store/stored-ledger.ts'
import type { Log } from '../telemetry/log/log.ts'

/** The ledger of a gateway. */
export interface OpenLedger {
  readonly ledger: Ledger
  readonly queries: LedgerQueries
  /** What is kept beside the records; undefined in memory. */
  readonly books: (BudgetBook & AlertBook & AuditTrail) | undefined
  /** How the journal and the database are; undefined in memory. */
  readonly counts: LedgerCounts | undefined
  /** Resolves when what ended processes left is in the database, or the database cannot be used. */
  readonly swept: Promise<void>
  state(): ComponentState
  /** Stores what is left within `time` ms, and ends the threads. */
  close(time: number): Promise<void>
}

export interface LedgerCounts extends StoreProgress {
  /** Records that could not be written. */
  readonly lost: number
}

export interface LedgerEnvironment {
  readonly clock: Clock
  readonly log: Log
  readonly events: Pick<OperatorEvents, 'ledgerChanged'>
}

/** Opens the ledger that is configured. Rejects when the gateway must not start. */
export async function openLedger(settings: LedgerSettings, environment: LedgerEnvironment): Promise<OpenLedger> {
  if (settings.store.kind === 'memory') return ledgerInMemory(settings, environment.clock)
  const { openJournal } = await import('../stores/ledger/journal/open-journal.ts')
  const { openStoredLedger } = await import('../stores/ledger/store/threads/open-stored-ledger.ts')
  const changes = new StateChanges(environment)
  const opened = journalIn(settings.journal, () =>
    openJournal({ settings, clock: environment.clock, report: () => changes.check() }),
  )
  const { folder, id, firstSegment: firstLive } = opened.owned
  const store = await openStoredLedger({
    settings,
    journal: { folder, id, firstLive },
    clock: environment.clock,
    events: {
      troubleChanged: () => changes.check(),
      skipped: (what, journal) => environment.log.error('a line of the ledger was left out', { what, journal }),
      sweeping: (pendingBytes) =>
        environment.log.info('storing what an earlier process left in its journal', { pending_bytes: pendingBytes }),
    },
  })
  const ledger = new JournalledLedger(opened, store, environment.log)
  changes.watch(() => ledger.state())
  return ledger
}

function ledgerInMemory({ timeZone }: LedgerSettings, clock: Clock): OpenLedger {
  const ledger = new MemoryLedger({ clock, timeZone })
  return {
    ledger,
    queries: ledger,
    books: undefined,
    counts: undefined,
    swept: Promise.resolve(),
    state: () => ({ name: 'ledger', healthy: true, message: '' }),
    close: async () => {},
  }
}

function journalIn(folder: string, open: () => OpenJournal): OpenJournal {
  try {
    return open()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    throw new Error(`ledger.folder: ${unwritableFolder(folder, code)}`, { cause: error })
  }
}

/** A journal, and the database that is filled from it. */
class JournalledLedger implements OpenLedger {
  readonly ledger: Ledger
  readonly queries: LedgerQueries
  readonly books: BudgetBook & AlertBook & AuditTrail
  readonly swept: Promise<void>
  readonly #opened: OpenJournal
  readonly #store: StoredLedger
  readonly #log: Log

  constructor(opened: OpenJournal, store: StoredLedger, log: Log) {
    this.#opened = opened
    this.#store = store
    this.#log = log
    this.ledger = opened.journal
    this.queries = store
    this.books = store
    this.swept = store.swept
  }

  get counts(): LedgerCounts {
    return { ...this.#store.progress, lost: this.#opened.journal.lost }
  }

  /** The journal's state comes first: without it calls are refused, or go unrecorded. */
  state(): ComponentState {
    const journal = this.#opened.journal.state()
    const { trouble } = this.#store.progress
    if (!journal.healthy || trouble === '') return journal
    const message = `The ledger's database cannot be used: ${trouble}. Records wait in the journal.`
    return { name: 'ledger', healthy: false, message: message.replaceAll('..', '.') }
  }

  async close(time: number): Promise<void> {
    const { journal, owned, release } = this.#opened
    await journal.close()
    const lines = await this.#store.drain(time).catch(() => undefined)
    if (lines !== 0) {
      this.#log.warn('Records are left in the journal. The next gateway on this folder stores them.', {
        folder: owned.folder,
        lines: lines ?? 'unknown',
      })
    }
    await this.#store.close()
    release()
  }
}

/** Reports each change between healthy and not. */
class StateChanges {
  readonly #events: LedgerEnvironment['events']
  #state: (() => ComponentState) | undefined
  #healthy = true

  constructor({ events }: LedgerEnvironment) {
    this.#events = events
  }

  watch(state: () => ComponentState): void {
    this.#state = state
    this.check()
  }

  check(): void {
    const state = this.#state?.()
    if (!state || state.healthy === this.#healthy) return
    this.#healthy = state.healthy
    this.#events.ledgerChanged(state)
  }
}
