import { workerData } from 'node:worker_threads'
import { systemClock } from '../../../../domain/clock.ts'
import { Filler } from '../ingest/filler.ts'
import { openDatabase } from '../open-database.ts'
import type { ThreadMessage, ThreadOptions } from './messages.ts'
import { portToMain, serveRequests } from './serve-requests.ts'

// Set by startThread.
const { settings, journal }: ThreadOptions = workerData

const { store, durability } = settings
if (store.kind === 'memory') throw new Error('A ledger in memory needs no threads.')

const port = portToMain()
const filler = new Filler({
  settings,
  journal,
  clock: systemClock,
  open: () => openDatabase({ store, readOnly: false, survivesPowerFailure: durability === 'power' }),
  send: (message: ThreadMessage) => port.postMessage(message),
})
serveRequests(port, filler.methods())
void filler.run()
