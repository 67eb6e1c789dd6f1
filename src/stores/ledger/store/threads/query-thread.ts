import { workerData } from 'node:worker_threads'
import { systemClock } from '../../../../domain/clock.ts'
import type { LedgerQueries } from '../../../../domain/ports/ledger-queries.ts'
import { openDatabase } from '../open-database.ts'
import { StoredQueries } from '../queries/stored-queries.ts'
import type { ThreadOptions } from './messages.ts'
import { portToMain, serveRequests } from './serve-requests.ts'

// Set by startThread.
const { settings }: ThreadOptions = workerData

let opened: Promise<LedgerQueries> | undefined

function queries(): Promise<LedgerQueries> {
  opened ??= open()
  return opened
}

async function open(): Promise<LedgerQueries> {
  const { store, timeZone, keep } = settings
  if (store.kind === 'memory') throw new Error('A ledger in memory needs no threads.')
  try {
    const database = await openDatabase({ store, readOnly: true, survivesPowerFailure: false })
    return new StoredQueries(database, { clock: systemClock, timeZone, keep })
  } catch (error) {
    opened = undefined
    throw error
  }
}

serveRequests(portToMain(), {
  summarize: async (...args: Parameters<LedgerQueries['summarize']>) => (await queries()).summarize(...args),
  list: async (...args: Parameters<LedgerQueries['list']>) => (await queries()).list(...args),
})
