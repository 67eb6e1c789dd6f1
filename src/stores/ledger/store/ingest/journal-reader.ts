import { statSync } from 'node:fs'
import type { JournalEntry } from '../../journal/entry.ts'
import { deleteSegmentsBefore, listSegments, segmentPath, setAside } from '../../journal/folder/segments.ts'
import { type JournalLine, type JournalPosition, readJournal, START } from '../../journal/read-journal.ts'
import type { SqlDatabase } from '../sql/sql.ts'
import { type JournalWriter, PositionMoved } from './apply-batch.ts'
import { BatchBuilder } from './batch.ts'
import { endLeftovers } from './leftovers.ts'

/** Lines that are written in one transaction, so that none takes long. */
const BATCH_LINES = 128

/** The folder of a journal. */
export interface JournalFolder {
  readonly folder: string
  readonly id: string
  /** Segments before this one were written by processes that have ended. */
  readonly firstLive: number
}

export interface JournalReaderParts {
  readonly database: SqlDatabase
  readonly writer: JournalWriter
  /** Receives each line that was damaged or that the database refuses. */
  readonly onSkipped: (what: string, journal: JournalFolder) => void
  /** Whether an attempt whose end is unknown is charged. */
  readonly chargesUnknown: boolean
}

interface ReadLine {
  readonly entry: JournalEntry | undefined
  readonly position: JournalPosition
}

/** Moves one journal into the database. */
export class JournalReader {
  readonly journal: JournalFolder
  readonly #parts: JournalReaderParts
  /** Position in the database; undefined before the first line was written. */
  #position: JournalPosition | undefined
  #isPositionKnown = false
  #lines: Iterator<JournalLine> | undefined
  #hasLeftovers = true
  records = 0

  constructor(journal: JournalFolder, parts: JournalReaderParts) {
    this.journal = journal
    this.#parts = parts
  }

  /** Whether everything that ended processes wrote is in the database. */
  get isSwept(): boolean {
    return !this.#hasLeftovers
  }

  /** Writes up to 128 lines. Resolves to whether there may be more. Rejects when the database cannot be used. */
  async step(): Promise<boolean> {
    try {
      return await this.#step()
    } catch (error) {
      // What was read after the position in the database is read again.
      this.#lines = undefined
      this.#isPositionKnown = false
      if (error instanceof PositionMoved) return true
      throw error
    }
  }

  /** Bytes that are not in the database yet. */
  pendingBytes(): number {
    return JournalReader.bytesAfter(this.journal.folder, this.#position)
  }

  /** Lines that are not in the database yet. */
  pendingLines(): number {
    return JournalReader.linesAfter(this.journal.folder, this.#position)
  }

  static bytesAfter(folder: string, { segment, offset } = START): number {
    let bytes = 0
    for (const each of listSegments(folder)) {
      if (each < segment) continue
      const { size } = statSync(segmentPath(folder, each), { throwIfNoEntry: false }) ?? { size: 0 }
      bytes += each === segment ? Math.max(0, size - offset) : size
    }
    return bytes
  }

  static linesAfter(folder: string, position = START): number {
    let lines = 0
    for (const _ of readJournal(folder, position, true)) lines++
    return lines
  }

  async #step(): Promise<boolean> {
    const { id, folder, firstLive } = this.journal
    if (!this.#isPositionKnown) this.#position = await this.#parts.writer.position(id)
    this.#isPositionKnown = true
    this.#lines ??= readJournal(folder, this.#position ?? START, isLive(this.journal))
    const { lines, isDone } = this.#read(this.#lines)
    if (lines.length > 0) await this.#apply(lines)
    if (!isDone) return true
    this.#lines = undefined
    if (this.#position) deleteSegmentsBefore(folder, this.#position.segment)
    if (!this.#hasLeftovers) return false
    this.#hasLeftovers = await endLeftovers(this.#parts, id, firstLive)
    return this.#hasLeftovers
  }

  #read(lines: Iterator<JournalLine>): { lines: ReadLine[]; isDone: boolean } {
    const read: ReadLine[] = []
    while (read.length < BATCH_LINES) {
      const { value, done } = lines.next()
      if (done) return { lines: read, isDone: true }
      if (value.damage) this.#setAside(value)
      read.push(value)
    }
    return { lines: read, isDone: false }
  }

  #setAside({ damage, position }: JournalLine): void {
    if (!damage) return
    setAside(this.journal.folder, position.segment, damage.bytes)
    this.#parts.onSkipped(damage.kind === 'torn' ? 'the end of a killed process' : 'a damaged line', this.journal)
  }

  /** A line that the database refuses is found by halves, and left out. */
  async #apply(lines: readonly ReadLine[]): Promise<void> {
    try {
      await this.#write(lines)
    } catch (error) {
      if (error instanceof PositionMoved || this.#parts.database.kindOf(error) !== 'data') throw error
      if (lines.length === 1) {
        this.#parts.onSkipped(`a line that the database refuses (${String(error)})`, this.journal)
        await this.#write(lines.map(({ position }) => ({ entry: undefined, position })))
      } else {
        await this.#apply(lines.slice(0, lines.length / 2))
        await this.#apply(lines.slice(lines.length / 2))
      }
    }
  }

  async #write(lines: readonly ReadLine[]): Promise<void> {
    const last = lines.at(-1)
    if (!last) return
    const batch = new BatchBuilder()
    for (const { entry, position } of lines) if (entry) batch.add(entry, position.segment)
    const built = batch.build()
    await this.#parts.writer.apply(this.journal.id, this.#position, last.position, built)
    this.#position = last.position
    this.records += built.charges.length
  }
}

/** Whether the last segment is being written. */
function isLive({ folder, firstLive }: JournalFolder): boolean {
  return (listSegments(folder).at(-1) ?? 0) >= firstLive
}
