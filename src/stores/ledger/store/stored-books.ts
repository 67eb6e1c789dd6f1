import type { Clock } from '../../../domain/clock.ts'
import type {
  AlertBook,
  AuditRow,
  BudgetBook,
  BudgetSpent,
  BudgetWindow,
  ClaimedAlert,
} from '../../../domain/ports/money/ledger-books.ts'
import { storable } from './sql/charge-table.ts'
import { budgetInsertion } from './sql/roll-up-tables.ts'
import type { Column, Insertion, SqlDatabase, SqlRow, SqlSession } from './sql/sql.ts'

/** Alerts that one gateway takes over at once. */
const MAX_TAKEN = 100

const auditInsertion: Insertion = {
  table: 'audit',
  columns: ['time', 'call_id', 'caller', 'peer', 'method', 'subject', 'reason'].map((name): Column => {
    return { name, type: name === 'time' ? 'bigint' : 'text' }
  }),
  conflict: '',
}

/** Budgets, alerts and audit rows in a database. */
export class StoredBooks implements BudgetBook, AlertBook {
  readonly #database: SqlDatabase
  readonly #clock: Clock

  constructor(database: SqlDatabase, clock: Clock) {
    this.#database = database
    this.#clock = clock
  }

  async spentBudgets(since: number): Promise<readonly BudgetSpent[]> {
    const rows = await this.#database.query('select * from budget_spent where window_start >= ?', [since])
    return rows.map((row) => ({
      budget: String(row['budget']),
      subject: String(row['subject']),
      windowStart: Number(row['window_start']),
      nano: BigInt(String(row['nano'])),
      adjusted: BigInt(String(row['adjusted_nano'])),
    }))
  }

  async adjustBudget({ budget, subject, windowStart }: BudgetWindow, add: bigint): Promise<bigint> {
    const key = [storable(budget), storable(subject), windowStart]
    return await this.#database.transaction(async (session) => {
      await session.insert(budgetInsertion, [[...key, 0, add]])
      const sql = 'select adjusted_nano from budget_spent where budget = ? and subject = ? and window_start = ?'
      const [row] = await session.query(sql, key)
      return BigInt(String(row?.['adjusted_nano']))
    })
  }

  async claimAlert({ key, id, body, expiresAt }: ClaimedAlert): Promise<boolean> {
    const now = this.#clock.wall()
    const sql = `insert into alert (key, id, body, state, claimed_at, expires_at) values (?, ?, ?, 'pending', ?, ?)
      on conflict (key) do update set id = excluded.id, body = excluded.body, state = excluded.state,
        claimed_at = excluded.claimed_at, expires_at = excluded.expires_at
      where alert.expires_at <= ? returning id`
    const rows = await this.#database.query(sql, [storable(key), id, storable(body), now, whole(expiresAt), now])
    return rows.length > 0
  }

  async keepAlerts(keys: readonly string[]): Promise<void> {
    const { among, list } = this.#database.dialect
    const sql = `update alert set claimed_at = ? where state = 'pending' and ${among('key')}`
    await this.#database.query(sql, [this.#clock.wall(), list(keys.map(storable))])
  }

  async markAlertSent(key: string): Promise<void> {
    await this.#database.query("update alert set state = 'sent' where key = ?", [storable(key)])
  }

  async expireAlert(key: string, at: number): Promise<void> {
    await this.#database.query('update alert set expires_at = ? where key = ?', [whole(at), storable(key)])
  }

  async takePendingAlerts(age: number): Promise<readonly ClaimedAlert[]> {
    const now = this.#clock.wall()
    // The condition is there twice: another gateway may have taken an alert between its selection and its update.
    const isLeft = "state = 'pending' and claimed_at < ? and expires_at > ?"
    const sql = `update alert set claimed_at = ?
      where ${isLeft} and key in (select key from alert where ${isLeft} order by claimed_at limit ${MAX_TAKEN})
      returning key, id, body, expires_at`
    const values = [now - age, now]
    return (await this.#database.query(sql, [now, ...values, ...values])).map(alertOf)
  }

  /** Deletes alerts whose keys are free again. */
  async deleteExpiredAlerts(): Promise<void> {
    await this.#database.query('delete from alert where expires_at <= ?', [this.#clock.wall()])
  }

  async insertAudit(rows: readonly AuditRow[], session: SqlSession = this.#database): Promise<void> {
    const values = rows.map(({ time, callId, caller, peer, method, subject, reason }) => {
      return [whole(time), ...[callId, caller, peer, method, subject, reason].map(storable)]
    })
    await session.insert(auditInsertion, values)
  }
}

function alertOf(row: SqlRow): ClaimedAlert {
  return {
    key: String(row['key']),
    id: String(row['id']),
    body: String(row['body']),
    expiresAt: Number(row['expires_at']),
  }
}

function whole(time: number): number {
  return Math.round(Math.min(time, Number.MAX_SAFE_INTEGER))
}
