import { adoptJournals, type OwnedJournal } from '../../journal/folder/folder-lock.ts'
import { type JournalFolder, JournalReader, type JournalReaderParts } from './journal-reader.ts'

/** The journal of this process, and those of ended ones. */
export class Journals {
  readonly #root: string
  readonly #parts: JournalReaderParts
  readonly #own: JournalReader
  readonly #adopted = new Map<OwnedJournal, JournalReader>()
  #recordsOfEmptied = 0

  constructor(root: string, own: JournalFolder, parts: JournalReaderParts) {
    this.#root = root
    this.#parts = parts
    this.#own = new JournalReader(own, parts)
    this.adopt()
  }

  static bytesIn(journal: JournalFolder): number {
    return JournalReader.bytesAfter(journal.folder, undefined)
  }

  static linesIn(journal: JournalFolder): number {
    return JournalReader.linesAfter(journal.folder, undefined)
  }

  /** Whether everything that ended processes wrote is in the database. */
  get isSwept(): boolean {
    return this.#readers().every((reader) => reader.isSwept)
  }

  /** Records that were written. */
  get records(): number {
    return this.#readers().reduce((sum, { records }) => sum + records, this.#recordsOfEmptied)
  }

  pendingBytes(): number {
    return this.#readers().reduce((sum, reader) => sum + reader.pendingBytes(), 0)
  }

  pendingLines(): number {
    return this.#readers().reduce((sum, reader) => sum + reader.pendingLines(), 0)
  }

  /** Writes some lines of each journal. Resolves to whether there may be more. */
  async step(): Promise<boolean> {
    let hasMore = await this.#own.step()
    for (const [owned, reader] of this.#adopted) {
      if (await reader.step()) hasMore = true
      else this.#giveBack(owned, reader)
    }
    return hasMore
  }

  /** Takes over the journals of processes that have ended. */
  adopt(): void {
    for (const owned of adoptJournals(this.#root)) {
      const { folder, id } = owned
      const journal = { folder, id, firstLive: Number.MAX_SAFE_INTEGER }
      this.#adopted.set(owned, new JournalReader(journal, this.#parts))
    }
  }

  /** Shows other processes that this one still reads what it has taken over. */
  touch(): void {
    for (const owned of this.#adopted.keys()) owned.touch()
  }

  #giveBack(owned: OwnedJournal, { records }: JournalReader): void {
    this.#adopted.delete(owned)
    this.#recordsOfEmptied += records
    owned.release()
  }

  #readers(): JournalReader[] {
    return [this.#own, ...this.#adopted.values()]
  }
}
