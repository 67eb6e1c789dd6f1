import type { Clock } from '../../../domain/clock.ts'
import type { ComponentState } from '../../../domain/ports/operations/components.ts'
import type { LedgerSettings } from '../settings.ts'
import { Backlog } from './backlog.ts'
import type { AppendFile } from './journal-file.ts'
import type { Turn } from './turn.ts'

/** Duration in ms from which a write is slow: those after it are made in the background. */
const SLOW = 20
/** Duration in ms below which a write is fast. */
const FAST = 5
/** Time without a slower write after which writes are made at once again, in ms. */
const FAST_AGAIN = 60_000
/** Time in ms until what failed is tried again. */
const RETRY_DELAY = 1_000
/** Lines that wait in memory while they cannot be written. */
const MAX_LINES = 10_000
/** Share of them that may be lines of attempts that have not ended: those that have matter more. */
const MAX_LINES_WITH_INTENTS = MAX_LINES / 2

export interface JournalWriterOptions {
  readonly file: AppendFile
  readonly clock: Clock
  readonly settings: Pick<LedgerSettings, 'writeTimeout' | 'onTrouble' | 'journalMax' | 'durability'>
  /** Whether writes may take long at any time. */
  readonly isRemote: boolean
  /** Bytes that the journal takes at present. */
  readonly measure: () => Promise<number>
  /** Receives each change. */
  readonly report: (state: ComponentState) => void
}

/**
 * Writes the turns of a journal in their order: at once while writes are fast, else in the background, one write at a
 * time. A turn that waits for too long, or cannot be written, is let go, and its lines stay in memory.
 */
export class JournalWriter {
  readonly #options: JournalWriterOptions
  readonly #backlog = new Backlog()
  /** Turns that wait for their lines to be written, in order. */
  #waiting: Turn[] = []
  #isFast: boolean
  /** Start of the last write that was not fast. */
  #slowAt = 0
  #isWriting = false
  /** Why lines cannot be written; empty when they can. */
  #trouble = ''
  #isFull = false
  /** Bytes of the journal: what was measured, and what was written since. */
  #size = 0
  #isMeasuring = false
  #lost = 0
  #stopTimeout: (() => void) | undefined
  #stopRetry: (() => void) | undefined
  #idle: (() => void) | undefined

  constructor(options: JournalWriterOptions) {
    this.#options = options
    this.#isFast = !options.isRemote && options.settings.durability === 'process'
    void this.#measure()
  }

  /** Whether attempts must not be sent, because they cannot be recorded. */
  get refuses(): boolean {
    return this.#options.settings.onTrouble === 'refuse' && (this.#trouble !== '' || this.#isFull)
  }

  /** Lines that were dropped, because they could not be written and too many waited. */
  get lost(): number {
    return this.#lost
  }

  state(): ComponentState {
    const message = this.#trouble || (this.#isFull ? 'The journal has reached ledger.journal_max.' : '')
    return { name: 'ledger', healthy: message === '', message }
  }

  /** Whether there is room for a line after `others` of the same turn. One that is refused counts as lost. */
  admit(isIntent: boolean, others: number): boolean {
    if (this.#canWrite) return true
    if (this.#backlog.lines + others < (isIntent ? MAX_LINES_WITH_INTENTS : MAX_LINES)) return true
    this.#lost++
    return false
  }

  /** Writes the lines of a turn and settles it, now or later. */
  write(turn: Turn, text: string, lines: number): void {
    turn.since = this.#options.clock.now()
    if (text === '') this.#letGo(turn)
    else if (this.#isFast && this.#backlog.isEmpty && this.#canWrite) this.#writeNow(turn, text, lines)
    else this.#writeLater(turn, Buffer.from(text), lines)
  }

  /** Settles when everything is written, or cannot be. */
  async close(): Promise<void> {
    if (!this.#backlog.isEmpty && this.#canWrite) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve
      })
    }
    this.#stopTimeout?.()
    this.#stopRetry?.()
    this.#lost += this.#backlog.lines
    if (!this.#isWriting) this.#options.file.close()
  }

  get #canWrite(): boolean {
    return this.#trouble === '' && !(this.#isFull && this.#options.settings.onTrouble === 'allow')
  }

  #writeNow(turn: Turn, text: string, lines: number): void {
    const { file, clock } = this.#options
    let bytes = 0
    try {
      bytes = file.writeNow(text)
    } catch (error) {
      this.#fail(messageOf(error))
      this.#writeLater(turn, Buffer.from(text), lines)
      return
    }
    this.#note(bytes, turn.since)
    if (clock.now() - turn.since >= SLOW) this.#isFast = false
    if (bytes === Buffer.byteLength(text)) turn.settle()
    else this.#writeLater(turn, Buffer.from(text).subarray(bytes), lines)
  }

  #writeLater(turn: Turn, bytes: Buffer, lines: number): void {
    this.#backlog.add(bytes, lines)
    turn.end = this.#backlog.added
    if (this.#canWrite) {
      this.#waiting.push(turn)
      this.#watch()
      this.#pump()
    } else this.#letGo(turn)
  }

  #pump(): void {
    if (this.#isWriting || this.#backlog.isEmpty) return
    this.#isWriting = true
    const { file, clock } = this.#options
    const since = clock.now()
    file.write(this.#backlog.next(), (error, bytes) => {
      this.#isWriting = false
      this.#backlog.remove(bytes)
      this.#note(bytes, since)
      if (error) return this.#fail(messageOf(error))
      this.#recover()
      while (this.#waiting[0] && this.#waiting[0].end <= this.#backlog.removed) this.#waiting.shift()?.settle()
      if (this.#backlog.isEmpty) this.#idle?.()
      else if (this.#canWrite) this.#pump()
    })
  }

  /** Keeps account of a write: how fast they are, and how large the journal is. */
  #note(bytes: number, since: number): void {
    const { clock, isRemote, settings } = this.#options
    const now = clock.now()
    if (now - since >= FAST) this.#slowAt = now
    else if (now - this.#slowAt >= FAST_AGAIN) this.#isFast = !isRemote && settings.durability === 'process'
    this.#size += bytes
    if (this.#size >= settings.journalMax && !this.#isFull) void this.#measure()
  }

  /** The oldest turn waits no longer than it may. One timer serves them all. */
  #watch(): void {
    const [oldest] = this.#waiting
    if (!oldest || this.#stopTimeout) return
    const { clock, settings } = this.#options
    this.#stopTimeout = clock.after(Math.max(0, oldest.since + settings.writeTimeout - clock.now()), () => {
      this.#stopTimeout = undefined
      const [oldest] = this.#waiting
      if (oldest && clock.now() - oldest.since >= settings.writeTimeout) this.#fail('a write takes too long')
      this.#watch()
    })
  }

  #fail(problem: string): void {
    const before = this.state()
    this.#trouble = `The journal cannot be written: ${problem}.`
    this.#reportChange(before)
    for (const turn of this.#waiting.splice(0)) this.#letGo(turn)
    this.#idle?.()
    if (!this.#isWriting) this.#retryLater()
  }

  #recover(): void {
    const before = this.state()
    this.#trouble = ''
    this.#reportChange(before)
  }

  #retryLater(): void {
    this.#stopRetry ??= this.#options.clock.after(RETRY_DELAY, () => {
      this.#stopRetry = undefined
      if (this.#isFull) void this.#measure()
      if (this.#trouble !== '') this.#pump()
    })
  }

  async #measure(): Promise<void> {
    if (this.#isMeasuring) return
    this.#isMeasuring = true
    const { measure, settings } = this.#options
    // A folder that cannot be read at present has the size that was counted.
    this.#size = await measure().catch(() => this.#size)
    this.#isMeasuring = false
    const before = this.state()
    this.#isFull = this.#size >= settings.journalMax
    this.#reportChange(before)
    if (this.#isFull) this.#retryLater()
    else if (this.#canWrite) this.#pump()
  }

  /** A turn whose lines stay in memory. */
  #letGo(turn: Turn): void {
    turn.settle(this.#options.settings.onTrouble === 'refuse')
  }

  #reportChange(before: ComponentState): void {
    const state = this.state()
    if (state.healthy !== before.healthy) this.#options.report(state)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
