import type { LedgerStore } from '../settings.ts'
import type { SqlDatabase } from './sql/sql.ts'

export interface OpenOptions {
  readonly store: Exclude<LedgerStore, { kind: 'memory' }>
  /** Only for queries: tables are neither made nor changed. */
  readonly readOnly: boolean
  /** Whether a commit waits until the disk has it. */
  readonly survivesPowerFailure: boolean
}

/** Opens the database of a ledger, and brings its tables up to date. Throws SetupError. */
export async function openDatabase({ store, ...options }: OpenOptions): Promise<SqlDatabase> {
  if (store.kind === 'sqlite') {
    const { openSqlite } = await import('../sqlite/sqlite-database.ts')
    return openSqlite({ path: store.path, ...options })
  }
  const { openPostgres } = await import('../postgres/postgres-database.ts')
  return await openPostgres({ url: store.url, ...options })
}
