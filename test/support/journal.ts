import type { ComponentState } from '../../src/domain/ports/operations/components.ts'
import type { JournalEntry } from '../../src/stores/ledger/journal/entry.ts'
import { Journal } from '../../src/stores/ledger/journal/journal.ts'
import type { AppendFile } from '../../src/stores/ledger/journal/journal-file.ts'
import { JournalWriter } from '../../src/stores/ledger/journal/journal-writer.ts'
import { decodeEntry } from '../../src/stores/ledger/journal/line.ts'
import type { LedgerSettings } from '../../src/stores/ledger/settings.ts'
import { FakeClock } from './fake-clock.ts'

/** A file in memory whose writes take time and fail as a test says. */
export class FakeFile implements AppendFile {
  readonly #clock: FakeClock
  text = ''
  /** Number of writes that were made at once, and in the background. */
  now = 0
  background = 0
  /** Background writes that have not returned. */
  pending = 0
  /** How long a write takes, in ms. Background writes never return when it is infinite. */
  takes = 0
  /** Code of the error of every write. */
  error: string | undefined
  /** Bytes that a write takes at most. */
  room = Number.POSITIVE_INFINITY
  closed = false
  #held: (() => void)[] = []

  constructor(clock: FakeClock) {
    this.#clock = clock
  }

  writeNow(text: string): number {
    this.now++
    this.#clock.pass(this.takes)
    return this.#append(Buffer.from(text))
  }

  write(bytes: Uint8Array, written: (error: Error | null, bytes: number) => void): void {
    this.background++
    this.pending++
    const act = () => {
      this.pending--
      try {
        written(null, this.#append(bytes))
      } catch (error) {
        written(error as Error, 0) // thrown by #append
      }
    }
    if (Number.isFinite(this.takes)) this.#clock.alarm(this.takes, act)
    else this.#held.push(act)
  }

  /** Lets the writes return that never would. */
  release(): void {
    this.takes = 0
    for (const act of this.#held.splice(0)) act()
  }

  close(): void {
    this.closed = true
  }

  /** The entries that were written, in short. */
  entries(): string[] {
    const lines = this.text.split('\n')
    if (lines.pop() !== '') throw new Error('the last line has no end')
    return lines.map((line) => summaryOf(decodeEntry(line)))
  }

  #append(bytes: Uint8Array): number {
    if (this.error) throw new Error(this.error)
    const written = Buffer.from(bytes).subarray(0, this.room)
    this.text += written.toString()
    return written.length
  }
}

export function summaryOf(entry: JournalEntry | undefined): string {
  if (!entry) return 'damaged'
  if (entry.kind === 'hits') return `hits ${entry.model} ${entry.hits} ${entry.saved}`
  const { facts, ending } = entry.charge
  return `${entry.kind} ${facts.callId}/${facts.attempt}${ending ? ` ${ending.reason || 'OK'}` : ''}`
}

type Settings = ConstructorParameters<typeof JournalWriter>[0]['settings'] & Pick<LedgerSettings, 'hits'>

/** A journal on a fake file and clock. */
export function journalWorld(
  changed: Partial<Settings> & { isRemote?: boolean; size?: number; clock?: FakeClock } = {},
) {
  const { isRemote = false, size = 0, clock = new FakeClock(), ...others } = changed
  const file = new FakeFile(clock)
  const states: ComponentState[] = []
  const journalFacts = { size }
  const settings: Settings = {
    writeTimeout: 2_000,
    onTrouble: 'refuse',
    journalMax: 1 << 30,
    durability: 'process',
    hits: 'rollup',
    ...others,
  }
  const writer = new JournalWriter({
    file,
    clock,
    settings,
    isRemote,
    measure: async () => journalFacts.size,
    report: (state) => states.push(state),
  })
  return { clock, file, states, journalFacts, journal: new Journal(writer, clock, settings) }
}
