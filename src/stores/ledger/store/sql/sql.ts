export type SqlValue = string | number | bigint | null

/** One row by column name. Integers arrive as bigint. */
export type SqlRow = Readonly<Record<string, unknown>>

/** A list of values of one column; a condition compares with any of them. */
export interface Column {
  readonly name: string
  readonly type: 'text' | 'bigint'
}

/** Insertion of many rows. */
export interface Insertion {
  readonly table: string
  readonly columns: readonly Column[]
  /** From `on conflict` to the end of the statement; empty when there can be none. */
  readonly conflict: string
}

/** Executes statements whose parameters are written as `?`. */
export interface SqlSession {
  query(sql: string, values?: readonly SqlValue[]): Promise<readonly SqlRow[]>
  insert(insertion: Insertion, rows: readonly (readonly SqlValue[])[]): Promise<void>
  /** Numbers for new rows of `charge`, ascending, which no other session gets. */
  nextNumbers(count: number): Promise<readonly bigint[]>
}

/** What the databases write differently. */
export interface Dialect {
  /** Condition that a column of texts is one of those in the parameter that `list` makes. */
  among(column: string): string
  list(texts: readonly string[]): SqlValue
  /** Condition that the label named by the first parameter has the value of the second. */
  readonly hasLabel: string
}

/** The database of a ledger. */
export interface SqlDatabase extends SqlSession {
  readonly dialect: Dialect
  /** Commits what `act` does as a whole, or nothing of it. */
  transaction<T>(act: (session: SqlSession) => Promise<T>): Promise<T>
  /**
   * `data`: the database refuses a value, now and for ever. `unavailable`: it cannot be used now, and may be later.
   */
  kindOf(error: unknown): 'data' | 'unavailable'
  /** Removes records that began before `time`, in small steps. Resolves to whether there may be more. */
  expire(time: number): Promise<boolean>
  close(): Promise<void>
}
