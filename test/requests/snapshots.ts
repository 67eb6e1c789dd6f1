import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Recording } from './recorder.ts'

/** Recordings that somebody has looked at. One file each: `<wire>/<request>.json`. */

const FOLDER = fileURLToPath(new URL('snapshots', import.meta.url))

/** How a recording departs from the one that was looked at; undefined when it does not. */
export function differenceFromSnapshot(wire: string, request: string, recording: Recording): string | undefined {
  const file = join(FOLDER, wire, `${request}.json`)
  if (!existsSync(file)) return 'there is no snapshot yet; look at it, then write it with --update'
  // As text, because models follow the order of a schema's properties.
  const expected = lines(JSON.parse(readFileSync(file, 'utf8')))
  const got = lines(recording)
  const at = expected.findIndex((line, index) => line !== got[index])
  const place = at < 0 && got.length > expected.length ? expected.length : at
  if (place < 0) return undefined
  return `expected ${expected[place]?.trim() ?? 'the end'}, got ${got[place]?.trim() ?? 'the end'}`
}

function lines(recording: unknown): string[] {
  return JSON.stringify(recording, undefined, 2).split('\n')
}

export function writeSnapshot(wire: string, request: string, recording: Recording): void {
  mkdirSync(join(FOLDER, wire), { recursive: true })
  writeFileSync(join(FOLDER, wire, `${request}.json`), JSON.stringify(recording))
}

/** Deletes the snapshots of requests that are no more, and brings the others into the form of all files here. */
export async function tidySnapshots(requests: readonly string[]): Promise<void> {
  for (const file of snapshotFiles()) {
    if (!requests.some((request) => file.endsWith(`/${request}.json`))) rmSync(join(FOLDER, file))
  }
  await promisify(execFile)('npx', ['biome', 'format', '--write', FOLDER])
}

function snapshotFiles(): string[] {
  return readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.json'))
}
