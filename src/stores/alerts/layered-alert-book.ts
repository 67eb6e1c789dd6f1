import type { AlertBook, ClaimedAlert } from '../../domain/ports/money/ledger-books.ts'

/**
 * Two books, such as Redis, which all replicas share, and a database of this replica, which survives the loss of Redis.
 * An alert must be free in both. The first one also decides who sends a pending alert; the second one does while the
 * first cannot be used, or has lost it.
 */
export class LayeredAlertBook implements AlertBook {
  readonly #first: AlertBook
  readonly #second: AlertBook

  constructor(first: AlertBook, second: AlertBook) {
    this.#first = first
    this.#second = second
  }

  async claimAlert(alert: ClaimedAlert): Promise<boolean> {
    const inFirst = await this.#first.claimAlert(alert).catch(() => undefined)
    if (inFirst === false) return false
    if (inFirst === undefined) return this.#second.claimAlert(alert)
    const inSecond = await this.#second.claimAlert(alert).catch(() => true)
    // Redis was emptied, and the database knows better.
    if (!inSecond) await this.#first.markAlertSent(alert.key).catch(() => {})
    return inSecond
  }

  keepAlerts(keys: readonly string[]): Promise<void> {
    return inBoth(this.#first.keepAlerts(keys), this.#second.keepAlerts(keys))
  }

  markAlertSent(key: string): Promise<void> {
    return inBoth(this.#first.markAlertSent(key), this.#second.markAlertSent(key))
  }

  expireAlert(key: string, at: number): Promise<void> {
    return inBoth(this.#first.expireAlert(key, at), this.#second.expireAlert(key, at))
  }

  async takePendingAlerts(age: number): Promise<readonly ClaimedAlert[]> {
    const first = await this.#first.takePendingAlerts(age).catch(() => [])
    const second = await this.#second.takePendingAlerts(age).catch(() => [])
    const known = new Set(first.map(({ key }) => key))
    const onlySecond: ClaimedAlert[] = []
    for (const alert of second) {
      if (known.has(alert.key)) continue
      // The gateway that claimed it in the first book, or claims it now, sends it.
      const isFree = await this.#first.claimAlert(alert).catch(() => true)
      if (isFree) onlySecond.push(alert)
      else await this.#second.markAlertSent(alert.key).catch(() => {})
    }
    return [...first, ...onlySecond]
  }
}

/** Fails when either does, once both have ended. */
async function inBoth(first: Promise<void>, second: Promise<void>): Promise<void> {
  const failed = (await Promise.allSettled([first, second])).find(({ status }) => status === 'rejected')
  if (failed && 'reason' in failed) throw failed.reason
}
