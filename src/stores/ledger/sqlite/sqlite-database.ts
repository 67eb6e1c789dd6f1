import { SetupError } from '../store/sql/setup-error.ts'
import type { Insertion, SqlDatabase, SqlRow, SqlSession, SqlValue } from '../store/sql/sql.ts'
import { migrate } from './migrate.ts'
import { loadSqlite, type SqliteConnection, type SqliteStatement } from './sqlite-module.ts'

/** Rows that one transaction deletes. */
const EXPIRE_ROWS = 500
/** Longest wait for a lock of another process, in ms. */
const LOCK_TIMEOUT = 1_000
/** Pages of the write-ahead log before it is moved into the database: fewer and longer waits for the disk. */
const CHECKPOINT_PAGES = 2_000

/** Memory for pages of the database, in KiB: the index and the sums of today fit. */
const CACHE = 8_000

/** Result codes for values that the database refuses. https://www.sqlite.org/rescode.html */
const DATA_ERRORS = [18, 19, 20, 25] // TOOBIG, CONSTRAINT, MISMATCH, RANGE

export interface SqliteOptions {
  readonly path: string
  readonly readOnly?: boolean
  /** Whether a commit waits until the disk has it, and so survives a power failure. */
  readonly survivesPowerFailure?: boolean
}

/** Result codes for a path that is no database of this program. */
const UNUSABLE = [11, 14, 26] // CORRUPT, CANTOPEN, NOTADB

/** Opens the database, and makes or updates its tables unless it is opened for reading only. Throws SetupError. */
export function openSqlite(options: SqliteOptions): SqlDatabase {
  try {
    return open(options)
  } catch (error) {
    if (!UNUSABLE.includes(codeOf(error))) throw error
    throw new SetupError(`The ledger ${options.path} cannot be opened: ${String(error)}`, { cause: error })
  }
}

function open(options: SqliteOptions): SqlDatabase {
  const { path, readOnly = false, survivesPowerFailure = false } = options
  const { DatabaseSync } = loadSqlite()
  const connection = new DatabaseSync(path, { readOnly })
  connection.exec(`pragma busy_timeout = ${LOCK_TIMEOUT}; pragma cache_size = -${CACHE}`)
  if (!readOnly) {
    connection.exec('pragma auto_vacuum = incremental; pragma journal_mode = wal')
    connection.exec(`pragma wal_autocheckpoint = ${CHECKPOINT_PAGES}`)
    connection.exec(`pragma synchronous = ${survivesPowerFailure ? 'full' : 'normal'}`)
    migrate(connection, path)
  }
  return new SqliteDatabase(connection)
}

const dialect: SqlDatabase['dialect'] = {
  among: (column) => `${column} in (select value from json_each(?))`,
  list: (texts) => JSON.stringify(texts),
  hasLabel: "exists (select 1 from json_each(nullif(labels, '')) where key = ? and value = ?)",
}

class SqliteDatabase implements SqlDatabase, SqlSession {
  readonly dialect = dialect
  readonly #connection: SqliteConnection
  readonly #statements = new Map<string, SqliteStatement>()

  constructor(connection: SqliteConnection) {
    this.#connection = connection
  }

  async query(sql: string, values: readonly SqlValue[] = []): Promise<readonly SqlRow[]> {
    return this.#prepared(sql).all(...values)
  }

  async insert({ table, columns, conflict }: Insertion, rows: readonly (readonly SqlValue[])[]): Promise<void> {
    if (rows.length === 0) return
    const names = columns.map(({ name }) => name).join(', ')
    const places = columns.map(() => '?').join(', ')
    const statement = this.#prepared(`insert into ${table} (${names}) values (${places}) ${conflict}`)
    for (const row of rows) statement.run(...row)
  }

  async nextNumbers(count: number): Promise<readonly bigint[]> {
    const [row] = await this.query('update charge_number set next = next + ? returning next', [BigInt(count)])
    const next = BigInt(String(row?.['next']))
    return Array.from({ length: count }, (_, index) => next - BigInt(count - index))
  }

  async transaction<T>(act: (session: SqlSession) => Promise<T>): Promise<T> {
    this.#connection.exec('begin immediate')
    try {
      const result = await act(this)
      this.#connection.exec('commit')
      return result
    } catch (error) {
      this.#rollBack()
      throw error
    }
  }

  kindOf(error: unknown): 'data' | 'unavailable' {
    const isOurs = error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError
    const isUnbindable = error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_INVALID_ARG')
    return isOurs || isUnbindable || DATA_ERRORS.includes(codeOf(error)) ? 'data' : 'unavailable'
  }

  async expire(time: number): Promise<boolean> {
    const [last] = await this.query('select max(last_seq) as seq from charge_hour where hour < ?', [time])
    const charges = `delete from charge where seq in
      (select seq from charge where seq <= ? and time < ? order by seq limit ${EXPIRE_ROWS})`
    const hits = `delete from cache_hit where (time, caller, user_id, provider, model, alias, operation) in
      (select time, caller, user_id, provider, model, alias, operation from cache_hit where time < ? limit ${EXPIRE_ROWS})`
    const seq = last?.['seq']
    const deleted = typeof seq === 'bigint' ? this.#prepared(charges).run(seq, time).changes : 0
    const deletedHits = this.#prepared(hits).run(time).changes
    if (Number(deleted) + Number(deletedHits) > 0) {
      this.#connection.exec(`pragma incremental_vacuum(${EXPIRE_ROWS})`)
      return true
    }
    this.#prepared('delete from charge_hour where hour < ? - 3600000').run(time)
    return false
  }

  async close(): Promise<void> {
    this.#statements.clear()
    this.#connection.close()
  }

  #prepared(sql: string): SqliteStatement {
    const known = this.#statements.get(sql)
    if (known) return known
    const statement = this.#connection.prepare(sql)
    statement.setReadBigInts(true)
    this.#statements.set(sql, statement)
    return statement
  }

  #rollBack(): void {
    try {
      this.#connection.exec('rollback')
    } catch {
      // The database has ended the transaction itself.
    }
  }
}

/** The result code of an error of SQLite; 0 for other errors. */
function codeOf(error: unknown): number {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) % 256 : 0
}
