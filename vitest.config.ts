import { defineConfig } from 'vitest/config'

/** Tests that open sockets, start processes or need Redis. */
const integration = [
  'test/integration/**/*.test.ts',
  'test/server/**/*.test.ts',
  'test/conformance/**/*.test.ts',
  'test/deploy/**/*.test.ts',
  'test/promises/**/*.test.ts',
  'test/stores/**/redis*.test.ts',
  'test/telemetry/**/*.test.ts',
  'test/providers/http/http-client.test.ts',
  'test/properties/**/*.test.ts',
  'test/requests/**/*.test.ts',
]

export default defineConfig({
  test: {
    maxWorkers: 2,
    // Many tests start processes of their own: on a busy machine that takes seconds.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: integration } },
      {
        extends: true,
        test: { name: 'integration', include: integration, globalSetup: ['test/support/install-redis.ts'] },
      },
    ],
  },
})
