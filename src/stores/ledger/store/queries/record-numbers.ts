import type { SqlSession } from '../sql/sql.ts'

const HOUR = 3_600_000

/** Numbers of records, the last one exclusive. */
export interface NumberRange {
  readonly first: bigint
  readonly end: bigint
}

/**
 * The numbers of the records that began in a period. Numbers are given when attempts end, so that other records may have
 * numbers between them; but no record of the period has another one.
 */
export async function numbersOf(
  session: SqlSession,
  from: number | undefined,
  to: number | undefined,
): Promise<NumberRange> {
  const sql = 'select min(first_seq) as first, max(last_seq) as last from charge_hour where hour >= ? and hour < ?'
  const hour = from === undefined ? 0 : Math.floor(from / HOUR) * HOUR
  const [row] = await session.query(sql, [hour, to ?? Number.MAX_SAFE_INTEGER])
  if (typeof row?.['first'] !== 'bigint' || typeof row['last'] !== 'bigint') return { first: 1n, end: 1n }
  return { first: row['first'], end: row['last'] + 1n }
}
