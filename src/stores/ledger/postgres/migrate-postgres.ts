import { setTimeout as wait } from 'node:timers/promises'
import { SetupError } from '../store/sql/setup-error.ts'
import type { SqlSession } from '../store/sql/sql.ts'
import type { ConnectionPool } from './connection-pool.ts'
import { codeOf, NO_PRIVILEGE, NO_TABLE } from './postgres-errors.ts'
import { migrations, tables } from './postgres-schema.ts'

/** Number of the lock under which tables are made: the text "lgwl". */
const LOCK = 0x6c67776c
/** Time between two tries to get the lock, in ms, and how many there are. */
const LOCK_INTERVAL = 200
const LOCK_TRIES = 50

/** Brings the tables up to date. Throws SetupError when only an operator can do that. */
export async function migratePostgres(pool: ConnectionPool): Promise<void> {
  const version = await versionOf(pool.session())
  if (version > migrations.length) throw new SetupError(tooNew(version))
  const missing = version < migrations.length || (await lacksTables(pool.session()))
  if (!missing) return
  const statements = [
    ...migrations.flat(),
    ...migrations.map((_, index) => `insert into ledger_schema values (${index + 1}) on conflict do nothing`),
  ]
  await changeTables(pool, statements)
}

/**
 * Executes statements that change tables, in one transaction and by one gateway at a time. Throws SetupError, which has
 * the statements, when the gateway lacks the privilege.
 */
export async function changeTables(pool: ConnectionPool, statements: readonly string[]): Promise<void> {
  for (let tries = 0; tries < LOCK_TRIES; tries++) {
    if (await tryToChange(pool, statements)) return
    await wait(LOCK_INTERVAL)
  }
  throw new Error('Another gateway has been changing the tables of the ledger for too long.')
}

/** Resolves to false when another gateway changes tables. */
async function tryToChange(pool: ConnectionPool, statements: readonly string[]): Promise<boolean> {
  try {
    return await pool.transaction(async (session) => {
      const [row] = await session.query('select pg_try_advisory_xact_lock(?::bigint) as locked', [LOCK])
      if (row?.['locked'] !== true) return false
      for (const statement of statements) await session.query(statement)
      return true
    })
  } catch (error) {
    if (codeOf(error) !== NO_PRIVILEGE) throw error
    throw new SetupError(notAllowed(statements, error), { cause: error })
  }
}

async function versionOf(session: SqlSession): Promise<number> {
  try {
    const [row] = await session.query('select max(version) as version from ledger_schema')
    return Number(row?.['version'] ?? 0)
  } catch (error) {
    if (codeOf(error) === NO_TABLE) return 0
    throw error
  }
}

async function lacksTables(session: SqlSession): Promise<boolean> {
  const names = tables.map((table) => `to_regclass('${table}') is null`).join(' or ')
  const [row] = await session.query(`select ${names} as missing`)
  return row?.['missing'] === true
}

function tooNew(version: number): string {
  return (
    `The database of the ledger has the schema ${version} of a newer gateway; this one knows ${migrations.length}. ` +
    'Start the newer gateway, or name another database in ledger.url.'
  )
}

function notAllowed(statements: readonly string[], error: unknown): string {
  return (
    `The ledger's user may not change tables (${error instanceof Error ? error.message : ''}). Give it the privilege ` +
    `to create in its schema, or run these statements as the owner and grant it select, insert, update and delete on ` +
    `all tables, and usage on the sequence charge_seq:\n${statements.map((each) => `${each};`).join('\n')}`
  )
}
