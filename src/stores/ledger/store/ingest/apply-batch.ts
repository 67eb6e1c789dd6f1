import { type Charge, chargeId } from '../../../../domain/ports/money/ledger.ts'
import { encodeEntry } from '../../journal/line.ts'
import type { JournalPosition } from '../../journal/read-journal.ts'
import { storable } from '../sql/charge-table.ts'
import type { Dialect, Insertion, SqlDatabase, SqlSession } from '../sql/sql.ts'
import type { Batch, OpenCharge } from './batch.ts'
import { UserNames } from './user-names.ts'
import { type Records, writeRecords } from './write-records.ts'

/** The position of a journal is not the expected one: another process has read it, or a lost reply was a success. */
export class PositionMoved extends Error {
  override readonly name = 'PositionMoved'
}

const openInsertion: Insertion = {
  table: 'open_charge',
  columns: [
    { name: 'call_id', type: 'text' },
    { name: 'id', type: 'text' },
    { name: 'kind', type: 'text' },
    { name: 'journal', type: 'text' },
    { name: 'segment', type: 'bigint' },
    { name: 'line', type: 'text' },
  ],
  conflict: `on conflict (id) do update set
    kind = excluded.kind, journal = excluded.journal, segment = excluded.segment, line = excluded.line`,
}

/** Writes what journals hold into the database. */
export class JournalWriter {
  readonly #database: SqlDatabase
  readonly #dayOf: (time: number) => string
  readonly #users = new UserNames()

  constructor(database: SqlDatabase, dayOf: (time: number) => string) {
    this.#database = database
    this.#dayOf = dayOf
  }

  /** How far a journal has been written; undefined for a new one. */
  async position(journal: string): Promise<JournalPosition | undefined> {
    const [row] = await this.#database.query('select segment, position from journal where id = ?', [journal])
    return row && { segment: Number(row['segment']), offset: Number(row['position']) }
  }

  /**
   * Writes the lines between two positions of a journal, and the new position with them. Throws PositionMoved, and
   * writes nothing, when the journal is not at `from`.
   */
  async apply(journal: string, from: JournalPosition | undefined, to: JournalPosition, batch: Batch): Promise<void> {
    await this.loadUsers(batch)
    await this.#database.transaction(async (session) => {
      await movePosition(session, journal, from, to)
      await this.write(session, batch)
      await closeCharges(session, this.#database.dialect, batch)
      const rows = batch.opened.map((open) => openValues(journal, open))
      await session.insert(openInsertion, rows)
    })
  }

  /** Writes records within a transaction. Their users have been loaded. */
  async write(session: SqlSession, records: Records): Promise<void> {
    await writeRecords(session, records, {
      dialect: this.#database.dialect,
      dayOf: this.#dayOf,
      nameOf: (day, caller, userId) => this.#users.nameOf(day, caller, userId),
    })
  }

  /** Reads which users the roll-ups tell apart, before a transaction that adds to them. */
  async loadUsers({ charges, endings, hits }: Records): Promise<void> {
    const seen = [...charges, ...endings].map(({ facts }) => facts)
    const pairs = new Map(
      [...seen, ...hits].map(({ time, caller }) => {
        const pair = [this.#dayOf(time), storable(caller)] as const
        return [pair.join('\0'), pair]
      }),
    )
    for (const [day, caller] of pairs.values()) await this.#users.load(this.#database, day, caller)
  }
}

async function movePosition(
  session: SqlSession,
  journal: string,
  from: JournalPosition | undefined,
  to: JournalPosition,
) {
  const moved = from
    ? await session.query(
        'update journal set segment = ?, position = ? where id = ? and segment = ? and position = ? returning id',
        [to.segment, to.offset, journal, from.segment, from.offset],
      )
    : await session.query(
        'insert into journal (id, segment, position) values (?, ?, ?) on conflict do nothing returning id',
        [journal, to.segment, to.offset],
      )
  if (moved.length === 0) throw new PositionMoved(`The journal ${journal} was read by another process.`)
}

async function closeCharges(session: SqlSession, { among, list }: Dialect, { closed, ended }: Batch): Promise<void> {
  if (closed.length > 0) await session.query(`delete from open_charge where ${among('id')}`, [list(closed)])
  const settled = `delete from open_charge where ${among('call_id')} and kind = 'settled'`
  if (ended.length > 0) await session.query(settled, [list(ended)])
}

function openValues(journal: string, { entry, segment }: OpenCharge) {
  const { facts }: Charge = entry.charge
  return [facts.callId, chargeId(facts), entry.kind, journal, segment, encodeEntry(entry).trimEnd()]
}
