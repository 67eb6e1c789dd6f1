import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    maxWorkers: 2,
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/install-redis.ts'],
    // Many tests start processes of their own: on a busy machine that takes seconds.
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
