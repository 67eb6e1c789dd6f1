import type { Clock } from '../../../../domain/clock.ts'
import type { SqlDatabase } from '../sql/sql.ts'
import type { StoredBooks } from '../stored-books.ts'
import type { Journals } from './journals.ts'

/** How often it is looked for what can be deleted, in ms. */
const EXPIRE_INTERVAL = 60_000
/** How often it is looked for journals of ended processes, in ms. */
const ADOPT_INTERVAL = 30_000
const TOUCH_INTERVAL = 5_000

export interface HousekeepingParts {
  readonly database: SqlDatabase
  readonly books: StoredBooks
  readonly journals: Journals
  readonly clock: Clock
  /** How long records are kept, in ms. */
  readonly keep: number
}

/** What is done between other things: old records are deleted in small steps, and journals of ended processes adopted. */
export class Housekeeping {
  readonly #parts: HousekeepingParts
  #expireAt: number
  #adoptAt: number
  #touchAt: number

  constructor(parts: HousekeepingParts) {
    this.#parts = parts
    const now = parts.clock.now()
    this.#expireAt = now
    this.#adoptAt = now + ADOPT_INTERVAL
    this.#touchAt = now + TOUCH_INTERVAL
  }

  /** Does what is due. Resolves to whether there is more. */
  async step(): Promise<boolean> {
    const { clock, journals, database, books, keep } = this.#parts
    const now = clock.now()
    if (now >= this.#touchAt) {
      this.#touchAt = now + TOUCH_INTERVAL
      journals.touch()
    }
    if (now >= this.#adoptAt) {
      this.#adoptAt = now + ADOPT_INTERVAL
      journals.adopt()
    }
    if (now < this.#expireAt) return false
    if (await database.expire(clock.wall() - keep)) return true
    await books.deleteExpiredAlerts()
    this.#expireAt = now + EXPIRE_INTERVAL
    return false
  }
}
