import type { Charge } from '../../../domain/ports/money/ledger.ts'
import type { HitsEntry } from './entry.ts'

const SECOND = 1_000

/** Sums cache hits by the second and by everything that summaries tell apart. */
export class HitSums {
  #sums = new Map<string, { hits: number; saved: number; readonly first: Charge }>()

  /** Whether nothing has been added since the sums were last taken. */
  get isEmpty(): boolean {
    return this.#sums.size === 0
  }

  add(charge: Charge): void {
    const { operation, caller, userId, alias, provider, model, time } = charge.facts
    const key = [secondOf(time), operation, provider, model, alias, caller, userId].join('\0')
    const sum = this.#sums.get(key)
    const saved = charge.outcome.saved ?? 0
    if (sum) {
      sum.hits++
      sum.saved += saved
    } else this.#sums.set(key, { hits: 1, saved, first: charge })
  }

  /** The sums so far. They begin again from zero. */
  take(): HitsEntry[] {
    const sums = [...this.#sums.values()]
    this.#sums = new Map()
    return sums.map(({ hits, saved, first: { facts } }) => {
      const { operation, caller, userId, alias, provider, model, time } = facts
      return { kind: 'hits', time: secondOf(time), operation, caller, userId, alias, provider, model, hits, saved }
    })
  }
}

function secondOf(time: number): number {
  return time - (time % SECOND)
}
