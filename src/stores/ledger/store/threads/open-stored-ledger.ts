import type { Clock } from '../../../../domain/clock.ts'
import type { AuditRow, BudgetWindow, ClaimedAlert } from '../../../../domain/ports/money/ledger-books.ts'
import type {
  CostGrouping,
  CostSummary,
  UsagePage,
  UsageSelection,
} from '../../../../domain/ports/money/ledger-queries.ts'
import type { StoredLedger, StoreProgress } from '../stored-ledger.ts'
import type { ThreadMessage, ThreadOptions } from './messages.ts'
import { startThread } from './start-thread.ts'
import { ThreadLink } from './thread-link.ts'

/** Receives what operators should hear of. */
export interface StoredLedgerEvents {
  /** The database can be used again, or no longer: then `trouble` says why. */
  troubleChanged(trouble: string): void
  /** A line of a journal was damaged, or the database refuses it: it was left out. */
  skipped(what: string, journal: string): void
  /** Once a second until everything that ended processes left is in the database. */
  sweeping(pendingBytes: number): void
}

export interface StoredLedgerOptions extends ThreadOptions {
  readonly clock: Clock
  readonly events: StoredLedgerEvents
}

/** How long ago, in ms, a period may end that lasts until now. */
const NOW = 50

/** How much time a drain gets beyond its own, in ms. */
const DRAIN_MARGIN = 1_000

/**
 * Starts the threads of a ledger's database. Resolves when the database is open, or turns out to be unavailable, in
 * which case it is tried again. Rejects when the gateway must not start: the database is newer than this gateway, or
 * lacks something that only an operator can give it.
 */
export async function openStoredLedger(options: StoredLedgerOptions): Promise<StoredLedger> {
  const ledger = new ThreadedLedger(options)
  try {
    await ledger.opened
  } catch (error) {
    await ledger.close()
    throw error
  }
  return ledger
}

class ThreadedLedger implements StoredLedger {
  readonly opened: Promise<void>
  readonly swept: Promise<void>
  progress: StoreProgress = { pendingBytes: 0, lag: 0, trouble: '', skippedLines: 0, records: 0 }
  readonly #clock: Clock
  readonly #events: StoredLedgerEvents
  readonly #writer: ThreadLink
  readonly #queries: ThreadLink
  #resolveSwept = () => {}
  #settleOpened: (error?: Error) => void = () => {}
  #trouble = ''
  /** Counts of threads that have failed. */
  #before = { skippedLines: 0, records: 0 }

  constructor({ clock, events, settings, journal }: StoredLedgerOptions) {
    this.#clock = clock
    this.#events = events
    this.swept = new Promise((resolve) => {
      this.#resolveSwept = resolve
    })
    this.opened = new Promise((resolve, reject) => {
      this.#settleOpened = (error) => (error ? reject(error) : resolve())
    })
    const options = { settings, journal }
    this.#queries = new ThreadLink({ clock, start: () => startThread('query-thread', options) })
    this.#writer = new ThreadLink({
      clock,
      start: () => startThread('writer-thread', options),
      onMessage: (message) => this.#receive(message),
      onFailure: (error) => this.#writerFailed(error),
    })
    this.#writer.open()
  }

  summarize(selection: UsageSelection, grouping: CostGrouping): Promise<CostSummary> {
    return this.#queries.call('summarize', [this.#openEnded(selection), { ...grouping, groups: [...grouping.groups] }])
  }

  /** A period that lasts until now has no end for the thread, whose now is later: it need not split the present day. */
  #openEnded(selection: UsageSelection): UsageSelection {
    const isPast = selection.end < this.#clock.wall() - NOW
    return isPast ? selection : { ...selection, end: Number.MAX_SAFE_INTEGER }
  }

  list(selection: UsageSelection, pageSize: number, pageToken: string): Promise<UsagePage> {
    return this.#queries.call('list', [selection, pageSize, pageToken])
  }

  spentBudgets(since: number) {
    return this.#writer.call<Awaited<ReturnType<StoredLedger['spentBudgets']>>>('spentBudgets', [since])
  }

  adjustBudget(window: BudgetWindow, add: bigint): Promise<bigint> {
    return this.#writer.call('adjustBudget', [window, add])
  }

  claimAlert(alert: ClaimedAlert): Promise<boolean> {
    return this.#writer.call('claimAlert', [alert])
  }

  keepAlerts(keys: readonly string[]): Promise<void> {
    return this.#writer.call('keepAlerts', [keys])
  }

  markAlertSent(key: string): Promise<void> {
    return this.#writer.call('markAlertSent', [key])
  }

  expireAlert(key: string, at: number): Promise<void> {
    return this.#writer.call('expireAlert', [key, at])
  }

  takePendingAlerts(age: number): Promise<readonly ClaimedAlert[]> {
    return this.#writer.call('takePendingAlerts', [age])
  }

  audit(row: AuditRow): void {
    // The thread keeps it; what a failing thread loses is in the log.
    this.#writer.call('audit', [row]).catch(() => {})
  }

  drain(time: number): Promise<number> {
    return this.#writer.call('drain', [time], time + DRAIN_MARGIN)
  }

  async close(): Promise<void> {
    await Promise.all([this.#writer.close(), this.#queries.close()])
  }

  #receive(message: ThreadMessage): void {
    if (message.kind === 'opened') {
      if (message.setup) this.#settleOpened(new Error(message.trouble))
      else this.#settleOpened()
    } else if (message.kind === 'swept') this.#resolveSwept()
    else if (message.kind === 'skipped') this.#events.skipped(message.what, message.journal)
    else if (message.kind === 'progress') this.#progressed(message.progress, message.swept)
  }

  #progressed(progress: StoreProgress, isSwept: boolean): void {
    const { skippedLines, records } = this.#before
    this.progress = {
      ...progress,
      skippedLines: progress.skippedLines + skippedLines,
      records: progress.records + records,
    }
    if (!isSwept && progress.pendingBytes > 0) this.#events.sweeping(progress.pendingBytes)
    this.#changeTrouble(progress.trouble)
  }

  #writerFailed(error: Error): void {
    const { skippedLines, records } = this.progress
    this.#before = { skippedLines, records }
    this.#settleOpened()
    const trouble = `its thread has failed: ${error.message}`
    this.progress = { ...this.progress, trouble }
    this.#changeTrouble(trouble)
  }

  #changeTrouble(trouble: string): void {
    // Calls do not wait for a database that cannot be used.
    if (trouble !== '') this.#resolveSwept()
    if ((trouble === '') === (this.#trouble === '')) return
    this.#trouble = trouble
    this.#events.troubleChanged(trouble)
  }
}
