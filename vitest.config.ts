import { defineConfig } from 'vitest/config'

/** Real sockets, processes and Redis. */
const integration = ['test/integration/**/*.test.ts', 'test/conformance/**/*.test.ts']

/** Properties with many runs, and the promises of docs/resilience.md in short. */
const slow = ['test/properties/**/*.test.ts', 'test/promises/**/*.test.ts']

const globalSetup = ['build-gateway', 'report-redis', 'report-postgres', 'report-alertmanager'].map(
  (name) => `test/support/${name}.ts`,
)

/** This test compiles the code of a page, whose places in the source coverage cannot find. */
const notCovered = process.argv.includes('--coverage') ? ['test/providers/adding-a-provider.test.ts'] : []

/** Code that works only with a database, a mail server or a process of its own: integration tests run it. */
const needServers = [
  'src/main.ts',
  'src/app/**',
  'src/server/grpc/**',
  'src/server/http/**',
  'src/stores/**/redis-*.ts',
  'src/stores/budgets/shared-*.ts',
  'src/stores/redis/**',
  'src/stores/ledger/journal/folder/**',
  'src/stores/ledger/postgres/**',
  'src/stores/ledger/store/threads/**',
  'src/telemetry/alerts/receivers/email.ts',
]

export default defineConfig({
  test: {
    maxWorkers: 2,
    setupFiles: ['test/support/end-with-runner.ts'],
    // A safety net only: no test measures time, and a busy machine takes as long as it takes.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // What the unit tests alone must reach. Raised when it has grown, never lowered to let a change pass.
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: needServers,
      reporter: ['text-summary', 'html'],
      thresholds: { statements: 81, lines: 82, functions: 78, branches: 79 },
    },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...integration, ...slow, ...notCovered],
          isolate: false,
          setupFiles: ['test/support/end-with-runner.ts', 'test/support/in-memory-only.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: integration,
          globalSetup,
        },
      },
      {
        extends: true,
        test: {
          name: 'slow',
          include: slow,
          globalSetup,
        },
      },
    ],
  },
})
