import { workerData } from 'node:worker_threads'
import { systemClock } from '../../../../domain/clock.ts'
import type { LedgerQueries } from '../../../../domain/ports/money/ledger-queries.ts'
import type { LedgerSettings } from '../../settings.ts'
import { openDatabase } from '../open-database.ts'
import { StoredQueries } from '../queries/stored-queries.ts'
import type { SqlDatabase } from '../sql/sql.ts'
import type { ThreadOptions } from './messages.ts'
import { portToMain, serveRequests } from './serve-requests.ts'

/** Opens the database with the first question, and again if it could not be opened. */
class Opening {
  readonly #settings: LedgerSettings
  #opened: Promise<LedgerQueries> | undefined
  #database: SqlDatabase | undefined

  constructor(settings: LedgerSettings) {
    this.#settings = settings
  }

  queries(): Promise<LedgerQueries> {
    this.#opened ??= this.#open()
    return this.#opened
  }

  async close(): Promise<void> {
    await this.#database?.close()
  }

  async #open(): Promise<LedgerQueries> {
    const { store, timeZone, keep } = this.#settings
    if (store.kind === 'memory') throw new Error('A ledger in memory needs no threads.')
    try {
      const database = await openDatabase({ store, readOnly: true, survivesPowerFailure: false })
      this.#database = database
      return new StoredQueries(database, { clock: systemClock, timeZone, keep })
    } catch (error) {
      this.#opened = undefined
      throw error
    }
  }
}

// Set by startThread.
const { settings }: ThreadOptions = workerData
const opening = new Opening(settings)

serveRequests(portToMain(), {
  summarize: async (...args: Parameters<LedgerQueries['summarize']>) => (await opening.queries()).summarize(...args),
  close: () => opening.close(),
  list: async (...args: Parameters<LedgerQueries['list']>) => (await opening.queries()).list(...args),
})
