import { SetupError } from '../store/sql/setup-error.ts'
import type { Insertion, SqlDatabase, SqlRow, SqlSession, SqlValue } from '../store/sql/sql.ts'
import { ConnectionPool } from './connection-pool.ts'
import { changeTables, migratePostgres } from './migrate-postgres.ts'
import { createMonth, type Month, monthNamed, monthOf, nextMonth } from './months.ts'
import { CHECK_VIOLATION, codeOf, isDataError, NO_PRIVILEGE } from './postgres-errors.ts'

const HOUR = 3_600_000
/** Records that are deleted at once where their month cannot be dropped. */
const EXPIRE_ROWS = 500
/** Hours of records that may still be there after their month: it is dropped as a whole. */
const MONTH = 32 * 24 * HOUR

export interface PostgresOptions {
  readonly url: string
  readonly readOnly?: boolean
}

/** Connects, and makes or updates the tables unless they are only read. Throws SetupError. */
export async function openPostgres({ url, readOnly = false }: PostgresOptions): Promise<SqlDatabase> {
  const pool = new ConnectionPool(url)
  const database = new PostgresDatabase(pool)
  try {
    if (readOnly) return database
    await migratePostgres(pool)
    await database.createMonthsAhead()
    return database
  } catch (error) {
    await pool.close().catch(() => {})
    throw error
  }
}

const dialect: SqlDatabase['dialect'] = {
  among: (column) => `${column} = any (array(select jsonb_array_elements_text(?::jsonb)))`,
  list: (texts) => JSON.stringify(texts),
  hasLabel: "nullif(labels, '')::jsonb ->> ?::text = ?",
}

class PostgresDatabase implements SqlDatabase {
  readonly dialect = dialect
  readonly #pool: ConnectionPool
  readonly #session: SqlSession

  constructor(pool: ConnectionPool) {
    this.#pool = pool
    this.#session = pool.session()
  }

  query(sql: string, values?: readonly SqlValue[]): Promise<readonly SqlRow[]> {
    return this.#session.query(sql, values)
  }

  insert(insertion: Insertion, rows: readonly (readonly SqlValue[])[]): Promise<void> {
    return this.#session.insert(insertion, rows)
  }

  nextNumbers(count: number): Promise<readonly bigint[]> {
    return this.#session.nextNumbers(count)
  }

  /** `act` is executed again when the month of a record has no partition yet. */
  async transaction<T>(act: (session: SqlSession) => Promise<T>): Promise<T> {
    const months = new Map<string, Month>()
    const noting = (session: SqlSession) => act(notingMonths(session, months))
    try {
      return await this.#pool.transaction(noting)
    } catch (error) {
      if (codeOf(error) !== CHECK_VIOLATION || months.size === 0) throw error
      await changeTables(this.#pool, [...months.values()].map(createMonth))
      return await this.#pool.transaction(noting)
    }
  }

  kindOf(error: unknown): 'data' | 'unavailable' {
    const isOurs = error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError
    return isOurs || isDataError(error) ? 'data' : 'unavailable'
  }

  /** This month and the next one, so that a busy gateway never waits for a new one. */
  async createMonthsAhead(): Promise<void> {
    const present = new Set((await this.#months()).map(({ table }) => table))
    const current = monthOf(Date.now())
    const missing = [current, nextMonth(current)].filter(({ table }) => !present.has(table))
    if (missing.length > 0) await changeTables(this.#pool, missing.map(createMonth))
  }

  async expire(time: number): Promise<boolean> {
    await this.createMonthsAhead()
    const expired = (await this.#months()).filter(({ end }) => end <= time)
    let deleted = await this.#drop(expired)
    const hits = `with expired as (delete from cache_hit where ctid = any (array(
      select ctid from cache_hit where time < ? limit ${EXPIRE_ROWS})) returning 1) select count(*) as count from expired`
    const [row] = await this.query(hits, [time])
    deleted += Number(row?.['count'])
    if (deleted === 0) await this.query('delete from charge_hour where hour < ?', [time - MONTH])
    return deleted > 0
  }

  close(): Promise<void> {
    return this.#pool.close()
  }

  async #months(): Promise<Month[]> {
    const sql = "select inhrelid::regclass::text as name from pg_inherits where inhparent = to_regclass('charge')"
    return (await this.query(sql)).flatMap((row) => monthNamed(String(row['name']).replace(/^.*\./, '')) ?? [])
  }

  /** Drops months, or deletes some of their records where that is not allowed. */
  async #drop(months: readonly Month[]): Promise<number> {
    if (months.length === 0) return 0
    try {
      await changeTables(
        this.#pool,
        months.map(({ table }) => `drop table if exists ${table}`),
      )
      return 0
    } catch (error) {
      if (!(error instanceof SetupError) || codeOf(error.cause) !== NO_PRIVILEGE) throw error
    }
    const last = Math.max(...months.map(({ end }) => end))
    const sql = `with expired as (delete from charge where (time, call_id, attempt, part) in (
      select time, call_id, attempt, part from charge where time < ? limit ${EXPIRE_ROWS}) returning 1)
      select count(*) as count from expired`
    const [row] = await this.query(sql, [last])
    return Number(row?.['count'])
  }
}

/** Notes the months of the records that are inserted. */
function notingMonths(session: SqlSession, months: Map<string, Month>): SqlSession {
  return {
    query: (...args) => session.query(...args),
    nextNumbers: (count) => session.nextNumbers(count),
    insert(insertion, rows) {
      const time = insertion.columns.findIndex(({ name }) => name === 'time')
      for (const row of insertion.table === 'charge' ? rows : []) {
        const month = monthOf(Number(row[time]))
        months.set(month.table, month)
      }
      return session.insert(insertion, rows)
    },
  }
}
