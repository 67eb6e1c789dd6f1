import type { Charge } from '../../../../domain/ports/money/ledger.ts'
import type { HitsEntry } from '../../journal/entry.ts'
import { chargeTable, storable } from '../sql/charge-table.ts'
import {
  budgetInsertion,
  budgetValues,
  dayInsertion,
  dayValues,
  hitInsertion,
  hourInsertion,
  hourValues,
} from '../sql/roll-up-tables.ts'
import type { Dialect, Insertion, SqlSession, SqlValue } from '../sql/sql.ts'
import { RollUps } from './roll-ups.ts'

const HOUR = 3_600_000

const chargeInsertion: Insertion = { table: 'charge', columns: chargeTable.columns, conflict: 'on conflict do nothing' }

const hourNumbers: Insertion = {
  table: 'charge_hour',
  columns: (['hour', 'first_seq', 'last_seq'] as const).map((name) => ({ name, type: 'bigint' })),
  conflict: `on conflict (hour) do update set
    first_seq = case when excluded.first_seq < charge_hour.first_seq then excluded.first_seq else charge_hour.first_seq end,
    last_seq = case when excluded.last_seq > charge_hour.last_seq then excluded.last_seq else charge_hour.last_seq end`,
}

export interface Records {
  readonly charges: readonly Charge[]
  readonly endings: readonly Charge[]
  readonly hits: readonly HitsEntry[]
}

export interface RecordWriting {
  readonly dialect: Dialect
  readonly dayOf: (time: number) => string
  /** The user that a roll-up names. */
  readonly nameOf: (day: string, caller: string, userId: string) => string
}

/** Writes records, and adds them to roll-ups and budgets. */
export async function writeRecords(session: SqlSession, records: Records, writing: RecordWriting): Promise<void> {
  const { stored, missing } = await endStored(session, records.endings, writing.dialect)
  const charges = [...records.charges, ...missing]
  await insertCharges(session, charges)
  const rollUps = new RollUps(writing.dayOf, writing.nameOf)
  for (const charge of charges) rollUps.addCharge(charge)
  for (const charge of stored) rollUps.addEnding(charge)
  for (const hits of records.hits) rollUps.addHits(hits)
  await session.insert(hitInsertion, sorted(sumOfHits(records.hits)))
  await session.insert(dayInsertion, sorted([...rollUps.days.values()].map(dayValues)))
  await session.insert(hourInsertion, sorted([...rollUps.hours.values()].map(hourValues)))
  await session.insert(budgetInsertion, sorted([...rollUps.budgets.values()].map(budgetValues)))
}

async function insertCharges(session: SqlSession, charges: readonly Charge[]): Promise<void> {
  if (charges.length === 0) return
  const numbers = await session.nextNumbers(charges.length)
  const [first = 0n, last = 0n] = [numbers[0], numbers.at(-1)]
  const rows = charges.map((charge, index) => chargeTable.valuesOf(numbers[index] ?? 0n, charge))
  await session.insert(chargeInsertion, rows)
  const hours = new Set(charges.map(({ facts }) => Math.floor(facts.time / HOUR) * HOUR))
  await session.insert(hourNumbers, sorted([...hours].map((hour) => [hour, first, last])))
}

/** Completes records that were written before their call ended. `missing` are those that were not written. */
async function endStored(session: SqlSession, endings: readonly Charge[], dialect: Dialect) {
  const stored: Charge[] = []
  const missing: Charge[] = []
  if (endings.length === 0) return { stored, missing }
  const sql = `select seq, call_id, attempt, part, call_code from charge where ${dialect.among('call_id')}`
  const rows = await session.query(sql, [dialect.list(endings.map(({ facts }) => facts.callId))])
  const found = new Map(rows.map((row) => [`${row['call_id']}/${row['attempt']}/${row['part']}`, row]))
  for (const charge of endings) {
    const { callId, attempt, part, time } = charge.facts
    const row = found.get(`${callId}/${attempt}/${part}`)
    if (!row) missing.push(charge)
    else if (row['call_code'] === null && charge.ending) {
      const { code, reason, latency } = charge.ending
      const update = 'update charge set call_code = ?, call_reason = ?, call_us = ? where seq = ? and time = ?'
      const values = [code, storable(reason), Math.round(latency * 1_000), BigInt(String(row['seq'])), time]
      await session.query(update, values)
      stored.push(charge)
    }
  }
  return { stored, missing }
}

function sumOfHits(hits: readonly HitsEntry[]): SqlValue[][] {
  const sums = new Map<string, SqlValue[]>()
  for (const { time, caller, userId, provider, model, alias, operation, hits: count, saved } of hits) {
    const texts = [caller, userId, provider, model, alias, operation].map(storable)
    const id = [time, ...texts].join('\0')
    const [, , , , , , , before = 0, savedBefore = 0] = sums.get(id) ?? []
    sums.set(id, [time, ...texts, Number(before) + count, Number(savedBefore) + saved])
  }
  return [...sums.values()]
}

/** In one order for all gateways, so that their transactions never wait for each other in a circle. */
function sorted(rows: SqlValue[][]): SqlValue[][] {
  const keyed = rows.map((row) => [row.slice(0, 7).join('\0'), row] as const)
  return keyed.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
}
