import { closeSync, openSync, readSync } from 'node:fs'
import type { JournalEntry } from './entry.ts'
import { listSegments, segmentPath } from './folder/segments.ts'
import { decodeEntry } from './line.ts'

/** How far a journal was read. */
export interface JournalPosition {
  readonly segment: number
  /** Bytes of the segment before the next line. */
  readonly offset: number
}

export interface JournalLine {
  /** Undefined for a line that is damaged. */
  readonly entry: JournalEntry | undefined
  /** Set for damaged ones: `corrupt` lines were changed, a `torn` one is the end of a process that was killed. */
  readonly damage: { readonly kind: 'corrupt' | 'torn'; readonly bytes: Buffer } | undefined
  /** After the line. */
  readonly position: JournalPosition
}

const CHUNK = 1 << 20
const NEWLINE = 10

/** Position before the first line of every journal. */
export const START: JournalPosition = { segment: 0, offset: 0 }

/**
 * The lines of a journal from a position to its present end, across its segments. The last segment is the one that is
 * being written if `isLive`: a line that it does not end yet is left for later. Elsewhere it is torn.
 */
export function* readJournal(folder: string, from: JournalPosition, isLive: boolean): Generator<JournalLine> {
  const segments = listSegments(folder).filter((segment) => segment >= from.segment)
  const last = segments.at(-1)
  for (const segment of segments) {
    const offset = segment === from.segment ? from.offset : 0
    yield* readSegment(folder, { segment, offset }, isLive && segment === last)
  }
}

function* readSegment(folder: string, { segment, offset }: JournalPosition, isLive: boolean): Generator<JournalLine> {
  const file = openSync(segmentPath(folder, segment), 'r')
  try {
    // What was read of a line that has no end yet.
    let rest: Buffer = Buffer.alloc(0)
    let position = offset
    for (let chunk = readChunk(file, position); chunk.length > 0; chunk = readChunk(file, position + rest.length)) {
      const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
      let start = 0
      for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
        position += end + 1 - start
        // An empty line separates what follows from a line that could not be completed.
        if (end > start) yield lineOf(bytes.subarray(start, end), { segment, offset: position })
        start = end + 1
      }
      rest = bytes.subarray(start)
    }
    if (rest.length === 0 || isLive) return
    const after = { segment, offset: position + rest.length }
    yield { entry: undefined, damage: { kind: 'torn', bytes: rest }, position: after }
  } finally {
    closeSync(file)
  }
}

function readChunk(file: number, position: number): Buffer {
  const chunk = Buffer.allocUnsafe(CHUNK)
  return chunk.subarray(0, readSync(file, chunk, 0, CHUNK, position))
}

function lineOf(bytes: Buffer, position: JournalPosition): JournalLine {
  const entry = decodeEntry(bytes.toString())
  return { entry, damage: entry ? undefined : { kind: 'corrupt', bytes: Buffer.from(bytes) }, position }
}
