import { type Charge, chargeId } from '../../../../domain/ports/money/ledger.ts'
import type { ChargeEntry, HitsEntry, JournalEntry } from '../../journal/entry.ts'

/** A charge whose call has not ended. */
export interface OpenCharge {
  readonly entry: ChargeEntry
  readonly segment: number
}

/** What is written in one transaction. */
export interface Batch {
  /** New records. */
  readonly charges: readonly Charge[]
  /** Final records; all but their ending was written before. */
  readonly endings: readonly Charge[]
  readonly hits: readonly HitsEntry[]
  readonly opened: readonly OpenCharge[]
  /** Ids of charges that are no longer open. */
  readonly closed: readonly string[]
  /** Ids of calls that ended: what they have settled is no longer open. */
  readonly ended: readonly string[]
}

/** Pairs the lines of a journal. */
export class BatchBuilder {
  readonly #charges = new Map<string, Charge>()
  readonly #endings = new Map<string, Charge>()
  readonly #hits: HitsEntry[] = []
  readonly #open = new Map<string, OpenCharge>()
  readonly #closed: string[] = []
  readonly #ended = new Set<string>()
  #lines = 0

  get lines(): number {
    return this.#lines
  }

  add(entry: JournalEntry, segment: number): void {
    this.#lines++
    if (entry.kind === 'hits') this.#hits.push(entry)
    else if (entry.kind === 'intent') this.#open.set(chargeId(entry.charge.facts), { entry, segment })
    else this.#addEnd(entry, segment)
  }

  build(): Batch {
    const open = [...this.#open.values()]
    return {
      charges: [...this.#charges.values()],
      endings: [...this.#endings.values()],
      hits: this.#hits,
      opened: open.filter(({ entry }) => entry.kind === 'intent' || !this.#ended.has(entry.charge.facts.callId)),
      closed: this.#closed,
      ended: [...this.#ended],
    }
  }

  #addEnd(entry: ChargeEntry, segment: number): void {
    const { charge } = entry
    const id = chargeId(charge.facts)
    if (!this.#open.delete(id)) this.#closed.push(id)
    if (entry.kind === 'settled' || this.#charges.has(id)) this.#charges.set(id, charge)
    else this.#endings.set(id, charge)
    if (charge.ending) this.#ended.add(charge.facts.callId)
    else this.#open.set(id, { entry, segment })
  }
}
