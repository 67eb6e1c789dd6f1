import type { Clock } from '../../../../domain/clock.ts'
import { invalid } from '../../../../domain/errors/error.ts'
import type { Charge } from '../../../../domain/ports/money/ledger.ts'
import type { UsagePage, UsageSelection } from '../../../../domain/ports/money/ledger-queries.ts'
import { chargeOf, chargeTable } from '../sql/charge-table.ts'
import type { SqlDatabase } from '../sql/sql.ts'
import { between, namesOf, recordConditions, where } from './conditions.ts'
import { type NumberRange, numbersOf } from './record-numbers.ts'

/** Longest search for the records of one page, in ms. */
const MAX_TIME = 1_000
/** Records that are searched at once. */
const CHUNK = 20_000n

interface Found {
  readonly seq: bigint
  readonly charge: Charge
}

/** A page of records, newest first. Its token is the number of its last record. */
export async function listRecords(
  database: SqlDatabase,
  clock: Clock,
  selection: UsageSelection,
  { pageSize, pageToken }: { readonly pageSize: number; readonly pageToken: string },
): Promise<UsagePage> {
  const before = pageToken === '' ? undefined : await numberOf(database, pageToken)
  const { first, end } = await numbersOf(database, selection.start, selection.end)
  const range = { first, end: before !== undefined && before < end ? before : end }
  const { found, searched } = await search(database, clock, selection, { range, count: pageSize + 1 })
  const records = found.slice(0, pageSize).map(({ charge }) => charge)
  if (found.length > pageSize) return { records, next: String(found[pageSize - 1]?.seq) }
  return { records, next: searched > first ? String(searched) : undefined }
}

/** The newest records of a range, and the number down to which it was searched. */
async function search(
  database: SqlDatabase,
  clock: Clock,
  selection: UsageSelection,
  { range: { first, end }, count }: { readonly range: NumberRange; readonly count: number },
): Promise<{ found: Found[]; searched: bigint }> {
  const deadline = clock.now() + MAX_TIME
  const step = hasIndex(selection) ? end : CHUNK
  const found: Found[] = []
  let searched = end
  while (searched > first && found.length < count && clock.now() < deadline) {
    const from = searched - step > first ? searched - step : first
    found.push(...(await select(database, selection, { first: from, end: searched }, count - found.length)))
    searched = from
  }
  return { found, searched }
}

/** Whether the records can be read from an index in the order of their numbers. */
function hasIndex({ provider, model, alias, sessionId, operation, labels, states, failed, finalOnly }: UsageSelection) {
  const isNamed = provider !== '' || model !== '' || alias !== '' || sessionId !== '' || operation !== ''
  return !isNamed && states.length === 0 && !failed && !finalOnly && Object.keys(labels).length === 0
}

async function select(
  database: SqlDatabase,
  selection: UsageSelection,
  { first, end }: NumberRange,
  limit: number,
): Promise<Found[]> {
  const { sql, values } = where([
    ...between('seq', first, end),
    ...between('time', selection.start, selection.end),
    ...namesOf(selection),
    ...recordConditions(selection, database.dialect),
  ])
  const rows = await database.query(
    `select seq, ${chargeTable.names} from charge ${sql} order by seq desc limit ${limit}`,
    values,
  )
  return rows.map((row) => ({ seq: BigInt(String(row['seq'])), charge: chargeOf(row) }))
}

async function numberOf(database: SqlDatabase, pageToken: string): Promise<bigint> {
  const [row] = await database.query('select max(last_seq) as last from charge_hour')
  const last = row?.['last']
  if (/^\d{1,18}$/.test(pageToken) && typeof last === 'bigint' && BigInt(pageToken) <= last) return BigInt(pageToken)
  throw invalid('page_token', 'must be the next_page_token of the page before.')
}
