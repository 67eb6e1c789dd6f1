import type { Clock } from '../../../domain/clock.ts'
import type { Charge, Ledger } from '../../../domain/ports/money/ledger.ts'
import type { ComponentState } from '../../../domain/ports/operations/components.ts'
import { UsageState } from '../../../domain/types.ts'
import type { LedgerSettings } from '../settings.ts'
import type { JournalEntry } from './entry.ts'
import { HitSums } from './hit-sums.ts'
import type { JournalWriter } from './journal-writer.ts'
import { encodeEntry } from './line.ts'
import { Turn, unrecorded } from './turn.ts'

/** How long cache hits are summed, in ms. */
const HITS_INTERVAL = 1_000

/** Records calls in the journal: what one turn of the event loop adds is written at its end, in one write. */
export class Journal implements Ledger {
  readonly #writer: JournalWriter
  readonly #clock: Clock
  readonly #hits: HitSums | undefined
  #turn: Turn | undefined
  #stopHits: (() => void) | undefined

  constructor(writer: JournalWriter, clock: Clock, { hits }: Pick<LedgerSettings, 'hits'>) {
    this.#writer = writer
    this.#clock = clock
    this.#hits = hits === 'rollup' ? new HitSums() : undefined
  }

  /** Lines that were lost, because they could not be written. */
  get lost(): number {
    return this.#writer.lost
  }

  state(): ComponentState {
    return this.#writer.state()
  }

  begin(charge: Charge): Promise<void> {
    if (this.#writer.refuses) throw unrecorded()
    return this.#add({ kind: 'intent', charge }).allowed
  }

  settle(charge: Charge): void | Promise<void> {
    // An attempt that was refused because it could not be recorded has no record.
    if (charge.outcome.reason === 'LEDGER_UNAVAILABLE') return
    if (this.#hits && charge.outcome.state === UsageState.CACHED && charge.ending?.code === 0) return this.#hit(charge)
    const turn = this.#add({ kind: 'settled', charge })
    turn.settled.add(charge)
    return turn.recorded
  }

  finish(charge: Charge): void | Promise<void> {
    if (charge.outcome.reason === 'LEDGER_UNAVAILABLE') return
    // A line that is not written yet will have the ending.
    if (this.#turn?.settled.has(charge)) return this.#turn.recorded
    return this.#add({ kind: 'final', charge }).recorded
  }

  /** Settles when everything is written, or cannot be. */
  async close(): Promise<void> {
    this.#stopHits?.()
    this.#writeHits()
    this.#end()
    await this.#writer.close()
  }

  #hit(charge: Charge): void {
    this.#hits?.add(charge)
    this.#stopHits ??= this.#clock.after(HITS_INTERVAL, () => this.#writeHits())
  }

  #writeHits(): void {
    this.#stopHits = undefined
    for (const entry of this.#hits?.take() ?? []) this.#add(entry)
  }

  #add(entry: JournalEntry): Turn {
    if (!this.#turn) {
      this.#turn = new Turn()
      setImmediate(() => this.#end())
    }
    this.#turn.entries.push(entry)
    return this.#turn
  }

  #end(): void {
    const turn = this.#turn
    if (!turn) return
    this.#turn = undefined
    let text = ''
    let lines = 0
    for (const entry of turn.entries) {
      if (!this.#writer.admit(entry.kind === 'intent', lines)) continue
      text += encodeEntry(entry)
      lines++
    }
    this.#writer.write(turn, text, lines)
  }
}
