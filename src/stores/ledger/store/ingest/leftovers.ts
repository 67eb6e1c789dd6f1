import { codes } from '../../../../domain/errors/reasons.ts'
import type { CallEnding, Charge } from '../../../../domain/ports/money/ledger.ts'
import type { ChargeEntry } from '../../journal/entry.ts'
import { decodeEntry } from '../../journal/line.ts'
import type { SqlDatabase } from '../sql/sql.ts'
import type { JournalWriter } from './apply-batch.ts'

/** Open charges that are ended in one transaction. */
const BATCH = 100

/** The call ended with its process, so that its client lost the connection. How long it took is not known. */
const LOST: CallEnding = { code: codes.UNAVAILABLE, reason: '', latency: 0 }

export interface LeftoverParts {
  readonly database: SqlDatabase
  readonly writer: JournalWriter
  /** Whether an attempt whose end is unknown is charged. */
  readonly chargesUnknown: boolean
}

/**
 * Ends what the processes that wrote the segments before `firstLive` left open: attempts become records whose outcome is
 * unknown, and their calls end. Resolves to whether there may be more.
 */
export async function endLeftovers(parts: LeftoverParts, journal: string, firstLive: number): Promise<boolean> {
  const { database, writer } = parts
  const sql = `select id, call_id, line from open_charge where journal = ? and segment < ? order by call_id limit ${BATCH}`
  const rows = await database.query(sql, [journal, firstLive])
  if (rows.length === 0) return false
  const entries = rows.flatMap((row) => decodeEntry(String(row['line'])) ?? []).filter((entry) => entry.kind !== 'hits')
  const { among, list } = database.dialect
  const calls = list(rows.map((row) => String(row['call_id'])))
  await writer.loadUsers({ charges: entries.map(({ charge }) => charge), endings: [], hits: [] })
  await database.transaction(async (session) => {
    const ended = await session.query(
      `select call_id from charge where call_code is not null and ${among('call_id')}`,
      [calls],
    )
    const records = recordsOf(entries, new Set(ended.map((row) => String(row['call_id']))), parts.chargesUnknown)
    await writer.write(session, { ...records, hits: [] })
    const ids = list(rows.map((row) => String(row['id'])))
    await session.query(`delete from open_charge where ${among('id')}`, [ids])
  })
  return rows.length === BATCH
}

/** The last attempt of each call is its final record. */
function recordsOf(entries: readonly ChargeEntry[], ended: ReadonlySet<string>, chargesUnknown: boolean) {
  const last = new Map<string, ChargeEntry>()
  for (const entry of entries) {
    const { callId } = entry.charge.facts
    const other = last.get(callId)
    if (!ended.has(callId) && (!other || isLater(entry, other))) last.set(callId, entry)
  }
  const charges: Charge[] = []
  const endings: Charge[] = []
  for (const entry of entries) {
    const isLast = last.get(entry.charge.facts.callId) === entry
    const charge = { ...entry.charge, ending: isLast ? LOST : undefined }
    if (entry.kind === 'intent') charges.push(chargesUnknown ? charge : released(charge))
    else if (isLast) endings.push(charge)
  }
  return { charges, endings }
}

function isLater({ charge: { facts } }: ChargeEntry, { charge: { facts: other } }: ChargeEntry): boolean {
  return facts.attempt > other.attempt || (facts.attempt === other.attempt && facts.part > other.part)
}

function released(charge: Charge): Charge {
  return { ...charge, outcome: { ...charge.outcome, cost: { input: 0, output: 0 } }, shares: [] }
}
