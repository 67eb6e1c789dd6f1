import { SetupError } from '../store/sql/setup-error.ts'
import type { SqliteConnection } from './sqlite-module.ts'
import { migrations, tables } from './sqlite-schema.ts'

/** Brings the tables up to date. Throws SetupError for a database that a newer gateway has made. */
export function migrate(connection: SqliteConnection, path: string): void {
  if (versionOf(connection) === migrations.length && !lacksTables(connection)) return
  connection.exec('begin immediate')
  try {
    // Read again: another process may have done it meanwhile.
    const version = versionOf(connection)
    if (version > migrations.length) throw new SetupError(tooNew(path, version))
    for (const statements of migrations) connection.exec(statements)
    connection.exec(`pragma user_version = ${migrations.length}`)
    connection.exec('commit')
  } catch (error) {
    connection.exec('rollback')
    throw error
  }
}

function versionOf(connection: SqliteConnection): number {
  const [row] = connection.prepare('pragma user_version').all()
  return Number(row?.['user_version'])
}

function lacksTables(connection: SqliteConnection): boolean {
  const names = connection.prepare("select name from sqlite_master where type = 'table'").all()
  const present = new Set(names.map(({ name }) => name))
  return tables.some((table) => !present.has(table))
}

function tooNew(path: string, version: number): string {
  return (
    `The ledger ${path} has the schema ${version} of a newer gateway; this one knows ${migrations.length}. ` +
    'Start the newer gateway, or name another file in ledger.url.'
  )
}
