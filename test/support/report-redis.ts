import { hasRedis } from './redis-test.ts'

/** Reports before all tests that those with Redis are skipped, and how to run them. */
export function setup(): void {
  if (hasRedis()) return
  console.warn(
    'SKIPPED: the tests with Redis, because redis-server is not on the PATH. Install Redis 6 or newer (apt-get install redis-server, brew install redis).',
  )
}
