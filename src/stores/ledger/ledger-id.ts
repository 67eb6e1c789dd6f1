import { randomUUID } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LedgerSettings } from './settings.ts'

const FILE = 'ledger-id'

/**
 * Identifies the database of a ledger among those of all gateways on one Redis, across restarts. They have one Postgres
 * at most; a SQLite database is known by a file beside its journals. Throws the system's error.
 */
export function ledgerId({ store, journal }: Pick<LedgerSettings, 'store' | 'journal'>): string {
  if (store.kind !== 'sqlite') return store.kind
  mkdirSync(journal, { recursive: true })
  const path = join(journal, FILE)
  return read(path) ?? create(path)
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Another process may do the same: the first one counts. */
function create(path: string): string {
  const id = randomUUID()
  const own = `${path}.${id}.tmp`
  writeFileSync(own, id)
  try {
    linkSync(own, path)
  } catch (error) {
    // Not every file system has links.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') renameSync(own, path)
  } finally {
    rmSync(own, { force: true })
  }
  return read(path) ?? id
}
