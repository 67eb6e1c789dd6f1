import { postgresFolder } from './postgres-test.ts'

/** Reports before all tests that those with Postgres are skipped, and how to run them. */
export function setup(): void {
  if (postgresFolder() !== undefined) return
  console.warn(
    'SKIPPED: the tests with Postgres, because initdb and postgres are not found. Install Postgres 13 or newer (apt-get install postgresql, brew install postgresql).',
  )
}
