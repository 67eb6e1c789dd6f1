import { close, closeSync, fdatasync, fsync, open, openSync, write, writeSync } from 'node:fs'
import { segmentPath } from './folder/segments.ts'

type Written = (error: Error | null, bytes: number) => void

/** What a journal needs of the file that it is written to. */
export interface AppendFile {
  /** Appends text and returns how many bytes were written, perhaps fewer than it has. Throws the system's error. */
  writeNow(text: string): number
  /** The same in the background, one at a time. With an error after which `bytes` were written, but may not be kept. */
  write(bytes: Uint8Array, written: Written): void
  close(): void
}

export interface JournalFileOptions {
  readonly folder: string
  readonly firstSegment: number
  /** Size in bytes from which a segment is full. */
  readonly segmentBytes: number
  /** Whether written bytes must survive a power failure. */
  readonly durable: boolean
}

const NEWLINE = 10

/**
 * The segment of a journal that is being written. A full one is followed by the next before a line is written: once
 * there is a next segment, nothing is added to those before it.
 */
export class JournalFile implements AppendFile {
  readonly #options: JournalFileOptions
  #segment: number
  #file: number
  #size = 0
  #isWithinLine = false

  /** Begins the first segment. Throws the system's error. */
  constructor(options: JournalFileOptions) {
    this.#options = options
    this.#segment = options.firstSegment
    this.#file = openSync(this.#path(this.#segment), 'ax')
    if (options.durable) this.#keepName(() => {})
  }

  writeNow(text: string): number {
    if (this.#isFull()) this.#rollNow()
    const bytes = writeSync(this.#file, text)
    this.#isWithinLine = bytes < Buffer.byteLength(text)
    this.#size += bytes
    return bytes
  }

  write(bytes: Uint8Array, written: Written): void {
    if (!this.#isFull()) this.#append(bytes, written)
    else this.#roll(() => this.#append(bytes, written))
  }

  close(): void {
    closeSync(this.#file)
  }

  #append(bytes: Uint8Array, written: Written): void {
    const file = this.#file
    write(file, bytes, (error, count) => {
      if (error) return written(error, 0)
      this.#size += count
      if (count > 0) this.#isWithinLine = bytes[count - 1] !== NEWLINE
      if (!this.#options.durable) return written(null, count)
      fdatasync(file, (error) => written(error, count))
    })
  }

  #isFull(): boolean {
    return this.#size >= this.#options.segmentBytes && !this.#isWithinLine
  }

  #rollNow(): void {
    try {
      this.#begin(openSync(this.#path(this.#segment + 1), 'ax'))
    } catch {
      this.#postpone()
    }
  }

  #roll(rolled: () => void): void {
    open(this.#path(this.#segment + 1), 'ax', (error, file) => {
      if (error) this.#postpone()
      else this.#begin(file)
      if (error || !this.#options.durable) rolled()
      else this.#keepName(rolled)
    })
  }

  #begin(file: number): void {
    close(this.#file, () => {})
    this.#file = file
    this.#segment++
    this.#size = 0
  }

  /** The segment grows until a next one can be made; it is tried again when as much has been written again. */
  #postpone(): void {
    this.#size = 0
  }

  /** Makes the name of the segment survive a power failure. */
  #keepName(kept: () => void): void {
    open(this.#options.folder, 'r', (error, folder) => {
      if (error) return kept()
      fsync(folder, () => close(folder, kept))
    })
  }

  #path(segment: number): string {
    return segmentPath(this.#options.folder, segment)
  }
}
