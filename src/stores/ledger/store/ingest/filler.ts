import type { Clock } from '../../../../domain/clock.ts'
import type { AuditRow } from '../../../../domain/ports/money/ledger-books.ts'
import type { LedgerSettings } from '../../settings.ts'
import { SetupError } from '../sql/setup-error.ts'
import type { SqlDatabase } from '../sql/sql.ts'
import { StoredBooks } from '../stored-books.ts'
import { messageOf, type ThreadMessage } from '../threads/messages.ts'
import type { ThreadMethods } from '../threads/serve-requests.ts'
import { JournalWriter } from './apply-batch.ts'
import { Housekeeping } from './housekeeping.ts'
import type { JournalFolder } from './journal-reader.ts'
import { Journals } from './journals.ts'
import { dayReader } from './roll-ups.ts'

/** How often the journals are looked at, in ms. */
const INTERVAL = 500
/** Waits before the next try while the database cannot be used, in ms. */
const RETRIES = [200, 500, 1_000, 2_000, 5_000] as const
/** Failures in a row that operators hear of: one may be a lock that is soon gone. */
const MIN_FAILURES = 2
/** Audit rows that wait for the database. */
const MAX_AUDIT_ROWS = 10_000

export interface FillerParts {
  readonly settings: LedgerSettings
  readonly journal: JournalFolder
  readonly clock: Clock
  readonly open: () => Promise<SqlDatabase>
  readonly send: (message: ThreadMessage) => void
}

/** What there is once the database is open. */
interface Opened {
  readonly database: SqlDatabase
  readonly books: StoredBooks
  readonly journals: Journals
  readonly housekeeping: Housekeeping
}

/** Fills the database from the journals, and does what else is written into it, one thing at a time. */
export class Filler {
  readonly #parts: FillerParts
  readonly #auditRows: AuditRow[] = []
  #opened: Opened | undefined
  #queue: Promise<unknown> = Promise.resolve()
  #failures = 0
  #trouble = ''
  #skipped = 0
  #isSwept = false
  #isClosed = false
  #caughtUpAt: number
  #lastProgress = ''

  constructor(parts: FillerParts) {
    this.#parts = parts
    this.#caughtUpAt = parts.clock.now()
  }

  /** Works until it is closed or the thread ends. */
  async run(): Promise<void> {
    this.#reportProgress()
    while (!this.#isClosed) {
      const isBusy = await this.#exclusive(() => this.#round())
      if (isBusy) await new Promise(setImmediate)
      else await this.#wait(RETRIES[Math.min(this.#failures, RETRIES.length) - 1] ?? INTERVAL)
    }
  }

  methods(): ThreadMethods {
    const book =
      <A extends unknown[], T>(act: (books: StoredBooks, ...args: A) => Promise<T>) =>
      (...args: A) =>
        this.#exclusive(() => act(this.#usable().books, ...args))
    return {
      spentBudgets: (since: number) => this.#exclusive(() => this.#spentBudgets(since)),
      adjustBudget: book((books, ...args: Parameters<StoredBooks['adjustBudget']>) => books.adjustBudget(...args)),
      claimAlert: book((books, ...args: Parameters<StoredBooks['claimAlert']>) => books.claimAlert(...args)),
      keepAlerts: book((books, ...args: Parameters<StoredBooks['keepAlerts']>) => books.keepAlerts(...args)),
      markAlertSent: book((books, ...args: Parameters<StoredBooks['markAlertSent']>) => books.markAlertSent(...args)),
      expireAlert: book((books, ...args: Parameters<StoredBooks['expireAlert']>) => books.expireAlert(...args)),
      takePendingAlerts: book((books, age: number) => books.takePendingAlerts(age)),
      audit: async (row: AuditRow) => void (this.#auditRows.length < MAX_AUDIT_ROWS && this.#auditRows.push(row)),
      drain: (time: number) => this.#drain(time),
      close: () => this.#exclusive(() => this.#close()),
    }
  }

  /** One step of everything. Resolves to whether there is more to do at once. */
  async #round(): Promise<boolean> {
    try {
      const { journals, books, housekeeping } = await this.#open()
      const hasMore = await journals.step()
      await books.insertAudit(this.#auditRows)
      this.#auditRows.length = 0
      this.#succeeded()
      if (hasMore) return true
      this.#caughtUpAt = this.#parts.clock.now()
      this.#reportSwept()
      return await housekeeping.step()
    } catch (error) {
      this.#failed(error)
      return false
    }
  }

  /** What waits is not done any more. */
  async #close(): Promise<void> {
    this.#isClosed = true
    await this.#opened?.database.close()
  }

  async #open(): Promise<Opened> {
    if (this.#isClosed) throw new Error('The database is closed.')
    if (this.#opened) return this.#opened
    const database = await this.#parts.open()
    try {
      this.#opened = this.#connect(database)
    } catch (error) {
      await database.close()
      throw error
    }
    this.#parts.send({ kind: 'opened', trouble: '', setup: false })
    return this.#opened
  }

  #connect(database: SqlDatabase): Opened {
    const { settings, journal, clock } = this.#parts
    const books = new StoredBooks(database, clock)
    const journals = new Journals(settings.journal, journal, {
      database,
      writer: new JournalWriter(database, dayReader(settings.timeZone)),
      chargesUnknown: settings.unknown === 'charge',
      onSkipped: (what, { folder }) => {
        this.#skipped++
        this.#parts.send({ kind: 'skipped', what, journal: folder })
      },
    })
    const housekeeping = new Housekeeping({ database, books, journals, clock, keep: settings.keep })
    return { database, books, journals, housekeeping }
  }

  #usable(): Opened {
    if (this.#opened && !this.#isClosed) return this.#opened
    throw new Error(this.#trouble || 'It is not open yet.')
  }

  async #spentBudgets(since: number) {
    const { journals, books } = this.#usable()
    while (await journals.step()) await new Promise(setImmediate)
    return await books.spentBudgets(since)
  }

  /** Reads the journals to their end. Resolves to the number of lines that are left after `time` ms. */
  async #drain(time: number): Promise<number> {
    const { clock } = this.#parts
    const deadline = clock.now() + time
    const emptied = this.#exclusive(async () => {
      while (clock.now() < deadline && (await this.#hasMore())) await new Promise(setImmediate)
    })
    await Promise.race([emptied, new Promise<void>((resolve) => clock.after(time, resolve))])
    return this.#opened?.journals.pendingLines() ?? Journals.linesIn(this.#parts.journal)
  }

  /** Writes some lines. Resolves to whether there may be more, also when the database cannot be used now. */
  async #hasMore(): Promise<boolean> {
    try {
      const { journals } = await this.#open()
      return await journals.step()
    } catch {
      await this.#wait(RETRIES[0])
      return true
    }
  }

  #succeeded(): void {
    this.#failures = 0
    this.#trouble = ''
  }

  #failed(error: unknown): void {
    this.#failures++
    const message = messageOf(error)
    if (this.#failures >= MIN_FAILURES) this.#trouble = message
    if (!this.#opened) this.#parts.send({ kind: 'opened', trouble: message, setup: error instanceof SetupError })
  }

  #reportSwept(): void {
    if (this.#isSwept || !this.#opened?.journals.isSwept) return
    this.#isSwept = true
    this.#parts.send({ kind: 'swept' })
  }

  #reportProgress(): void {
    this.#parts.clock.after(INTERVAL, () => this.#reportProgress())
    const pendingBytes = this.#pendingBytes()
    const now = this.#parts.clock.now()
    if (pendingBytes === 0) this.#caughtUpAt = now
    const progress = {
      pendingBytes,
      lag: Math.round(now - this.#caughtUpAt),
      trouble: this.#trouble,
      skippedLines: this.#skipped,
      records: this.#opened?.journals.records ?? 0,
    }
    const text = JSON.stringify(progress)
    if (text === this.#lastProgress) return
    this.#lastProgress = text
    this.#parts.send({ kind: 'progress', progress, swept: this.#isSwept })
  }

  #pendingBytes(): number {
    try {
      return this.#opened?.journals.pendingBytes() ?? Journals.bytesIn(this.#parts.journal)
    } catch {
      // A folder that cannot be read is reported by the next step.
      return 0
    }
  }

  #exclusive<T>(act: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(act)
    this.#queue = result.catch(() => {})
    return result
  }

  #wait(time: number): Promise<void> {
    return new Promise((resolve) => void this.#parts.clock.after(time, resolve))
  }
}
