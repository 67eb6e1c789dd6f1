import type { SqlSession } from '../sql/sql.ts'

/** Users of one day and caller that roll-ups tell apart. */
const MAX_USERS = 10_000

/** Users that are remembered over all days and callers. */
const MAX_REMEMBERED = 100_000

/** Name of all further users of the day and caller. */
const OTHER = 'other'

/** Bounds the users of a day and caller: those past 10,000 are one. */
export class UserNames {
  readonly #maxUsers: number
  readonly #users = new Map<string, Set<string>>()

  constructor(maxUsers = MAX_USERS) {
    this.#maxUsers = maxUsers
  }

  /** Reads the users that a day and caller have so far, unless they are known. */
  async load(session: SqlSession, day: string, caller: string): Promise<void> {
    const id = `${day}\0${caller}`
    if (this.#users.has(id)) return
    this.#makeRoom()
    const sql = 'select distinct user_id from rollup_day where day = ? and caller = ? limit ?'
    const rows = await session.query(sql, [day, caller, this.#maxUsers])
    this.#users.set(id, new Set(rows.map((row) => String(row['user_id']))))
  }

  nameOf(day: string, caller: string, userId: string): string {
    const users = this.#users.get(`${day}\0${caller}`)
    if (!users || userId === '' || users.has(userId)) return userId
    if (users.size >= this.#maxUsers) return OTHER
    users.add(userId)
    return userId
  }

  #makeRoom(): void {
    let remembered = 0
    for (const { size } of this.#users.values()) remembered += size
    for (const [id, { size }] of this.#users) {
      if (remembered < MAX_REMEMBERED) return
      this.#users.delete(id)
      remembered -= size
    }
  }
}
