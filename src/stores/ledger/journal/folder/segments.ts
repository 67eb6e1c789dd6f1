import { appendFileSync, mkdirSync, readdirSync, unlinkSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/*
 * A journal is a folder of segments, files that are numbered in the order in which they were begun. Only the last one is
 * written to. A process begins a new one when it starts, so that a segment belongs to one process.
 */

const NAME = /^(\d{8})\.log$/

export function segmentPath(folder: string, segment: number): string {
  return join(folder, `${String(segment).padStart(8, '0')}.log`)
}

/** Numbers of the segments of a journal, in ascending order. */
export function listSegments(folder: string): number[] {
  return segmentsIn(readdirSync(folder))
}

/** Bytes that the segments of a journal take. */
export async function sizeOfSegments(folder: string): Promise<number> {
  let size = 0
  for (const segment of segmentsIn(await readdir(folder))) {
    // One that the reader has deleted in the meantime takes nothing.
    size += await stat(segmentPath(folder, segment)).then(
      (stats) => stats.size,
      () => 0,
    )
  }
  return size
}

/**
 * Deletes the segments before `segment`. The last segment of a journal must stay: the numbers of later ones follow from it.
 */
export function deleteSegmentsBefore(folder: string, segment: number): void {
  for (const each of listSegments(folder)) if (each < segment) unlinkSync(segmentPath(folder, each))
}

/** Keeps bytes of a segment that are no entry, in a file beside it. */
export function setAside(folder: string, segment: number, bytes: Uint8Array): void {
  mkdirSync(folder, { recursive: true })
  appendFileSync(segmentPath(folder, segment).replace(/\.log$/, '.damaged'), bytes)
}

function segmentsIn(names: readonly string[]): number[] {
  const numbers = names.flatMap((name) => NAME.exec(name)?.[1] ?? [])
  return numbers.map(Number).sort((a, b) => a - b)
}
