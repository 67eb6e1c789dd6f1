import pg from 'pg'
import type { Insertion, SqlRow, SqlSession, SqlValue } from '../store/sql/sql.ts'

/** Longest wait for a connection and for a reply, in ms. The server stops working on a statement at the same time. */
const CONNECT_TIMEOUT = 3_000
const QUERY_TIMEOUT = 10_000
/** A table that is changed must not wait for long, because everything else waits behind it. In ms. */
const LOCK_TIMEOUT = 2_000
const MAX_CONNECTIONS = 2

/** Object ids of types, as in pg_type. */
const BIGINT = 20
const NUMERIC = 1700

type Value = SqlValue | readonly SqlValue[]

/** What both a pool and one of its connections do. */
interface Executor {
  query(text: string, values: Value[]): Promise<{ readonly rows: SqlRow[] }>
}

/**
 * Connections that may end at a pooler of transactions: nothing is kept in a session, no statement has a name, and a
 * lock lasts as long as its transaction.
 */
export class ConnectionPool {
  readonly #pool: pg.Pool

  constructor(url: string) {
    this.#pool = new pg.Pool({
      connectionString: url,
      max: MAX_CONNECTIONS,
      connectionTimeoutMillis: CONNECT_TIMEOUT,
      query_timeout: QUERY_TIMEOUT,
      idleTimeoutMillis: 60_000,
      keepAlive: true,
      application_name: 'llm-gateway',
      types: { getTypeParser: typeParser },
    })
    // A connection that ends while it is idle is replaced when it is needed.
    this.#pool.on('error', () => {})
  }

  session(): SqlSession {
    return new PostgresSession(this.#pool)
  }

  /** Commits what `act` does as a whole, or nothing of it. */
  async transaction<T>(act: (session: SqlSession) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect()
    let failure: Error | undefined
    // Without a listener the loss of the connection would end the process; the statement that is waiting rejects.
    const ignore = () => {}
    client.on('error', ignore)
    try {
      await client.query(
        `begin; set local statement_timeout = ${QUERY_TIMEOUT}; set local lock_timeout = ${LOCK_TIMEOUT}`,
      )
      const result = await act(new PostgresSession(client))
      await client.query('commit')
      return result
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error))
      throw error
    } finally {
      client.off('error', ignore)
      // A connection that has failed is closed, which also rolls back: its state is not known.
      client.release(failure)
    }
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }
}

class PostgresSession implements SqlSession {
  readonly #executor: Executor

  constructor(executor: Executor) {
    this.#executor = executor
  }

  async query(sql: string, values: readonly SqlValue[] = []): Promise<readonly SqlRow[]> {
    return (await this.#executor.query(numbered(sql), [...values])).rows
  }

  async insert({ table, columns, conflict }: Insertion, rows: readonly (readonly SqlValue[])[]): Promise<void> {
    if (rows.length === 0) return
    const names = columns.map(({ name }) => name).join(', ')
    const arrays = columns.map(({ type }, index) => `$${index + 1}::${type}[]`).join(', ')
    const sql = `insert into ${table} (${names}) select * from unnest(${arrays}) ${conflict}`
    await this.#executor.query(
      sql,
      columns.map((_, index) => rows.map((row) => row[index] ?? null)),
    )
  }

  async nextNumbers(count: number): Promise<readonly bigint[]> {
    const rows = await this.query("select nextval('charge_seq') as seq from generate_series(1, ?::bigint)", [count])
    return rows.map((row) => BigInt(String(row['seq'])))
  }
}

/** Parameters are written as `?` everywhere else. */
function numbered(sql: string): string {
  let count = 0
  return sql.replaceAll('?', () => `$${++count}`)
}

function typeParser(type: number, format?: 'text' | 'binary') {
  if (type === BIGINT || type === NUMERIC) return BigInt
  return pg.types.getTypeParser(type, format as 'text')
}
