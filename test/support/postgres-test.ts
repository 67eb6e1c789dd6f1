import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test as everywhere } from 'vitest'

const DEBIAN = '/usr/lib/postgresql'

/** The folder of `initdb` and `postgres`; undefined where Postgres is not installed. */
export function postgresFolder(): string | undefined {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [
    ...(process.env['PATH'] ?? '').split(':'),
    ...versions.map((version) => join(DEBIAN, version, 'bin')),
  ]
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')))
}

/** Vitest's `test` for what needs a real Postgres: skipped where there is none. */
export const test = everywhere.skipIf(postgresFolder() === undefined)
