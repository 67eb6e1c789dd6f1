import { spawnSync } from 'node:child_process'
import { test as everywhere } from 'vitest'

export function hasRedis(): boolean {
  return spawnSync('redis-server', ['--version']).status === 0
}

/** Vitest's `test` for what needs a real redis-server: skipped where there is none. */
export const test = everywhere.skipIf(!hasRedis())
