import { createRequire } from 'node:module'
import { SetupError } from '../store/sql/setup-error.ts'
import type { SqlRow, SqlValue } from '../store/sql/sql.ts'

/** The part of `node:sqlite` that is used. https://nodejs.org/api/sqlite.html */
export interface SqliteModule {
  readonly DatabaseSync: new (path: string, options?: { readonly readOnly?: boolean }) => SqliteConnection
}

export interface SqliteConnection {
  exec(sql: string): void
  prepare(sql: string): SqliteStatement
  close(): void
}

export interface SqliteStatement {
  all(...values: SqlValue[]): SqlRow[]
  run(...values: SqlValue[]): { readonly changes: number | bigint }
  setReadBigInts(enabled: boolean): void
}

const PACKAGE = '@photostructure/sqlite'

/** SQLite of Node where it has one, else of an optional package with the same classes. Throws SetupError when there is neither. */
export function loadSqlite(): SqliteModule {
  return fromNode() ?? fromPackage()
}

function fromNode(): SqliteModule | undefined {
  const { emitWarning } = process
  // Node 22 warns that its SQLite is experimental, which nobody who runs the gateway can do anything about.
  process.emitWarning = () => {}
  try {
    // The types are those of Node 20, which has no SQLite.
    return process.getBuiltinModule('node:sqlite') as SqliteModule | undefined
  } finally {
    process.emitWarning = emitWarning
  }
}

function fromPackage(): SqliteModule {
  try {
    return createRequire(import.meta.url)(PACKAGE)
  } catch (cause) {
    const advice = `Use Node 22.13 or newer, install ${PACKAGE}, or set ledger.url to a postgres:// address.`
    throw new SetupError(`This Node (${process.version}) has no SQLite, and ${PACKAGE} cannot be loaded. ${advice}`, {
      cause,
    })
  }
}
