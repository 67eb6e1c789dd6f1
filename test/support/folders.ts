/** A folder of src/, or a single file. */
export interface Folder {
  readonly path: string
  /** What is in it, for docs/architecture.md. */
  readonly holds: string
  /** Folders and files that it may import, beside its own. */
  readonly mayImport: readonly string[]
}

const settingsOfParts = [
  'src/identity/settings.ts',
  'src/server/settings.ts',
  'src/service/batch/settings.ts',
  'src/policies/cache/settings.ts',
  'src/policies/budgets/settings.ts',
  'src/policies/limits/settings.ts',
  'src/policies/idempotency/settings.ts',
  'src/policies/planning/planner.ts',
  'src/policies/planning/task-types.ts',
  'src/stores/redis/redis-address.ts',
  'src/stores/ledger/settings.ts',
  'src/stores/redis/settings.ts',
  'src/telemetry/settings.ts',
  'src/telemetry/alerts/settings.ts',
  'src/providers/index.ts',
  'src/providers/define.ts',
  'src/providers/model-rules.ts',
  'src/providers/prices/price-file.ts',
  'src/providers/prices/settings.ts',
  'src/providers/settings.ts',
]

/** From the bottom up: imports go downwards only. */
export const folders: readonly Folder[] = [
  {
    path: 'src/domain/',
    holds:
      'types that all other folders share: calls, events, errors, reasons, money, time; `ports/` has the interfaces that other folders implement',
    mayImport: [],
  },
  {
    path: 'src/identity/',
    holds: 'who calls and what they may do: API keys, JWT, rights',
    mayImport: ['src/domain/'],
  },
  {
    path: 'src/providers/',
    holds:
      '`index.ts`, the only list of vendors; `vendors/`, a mapping for each; `http/`, one upstream call; `credentials/`, keys and key pools; `failures/`, the meaning of vendor errors; `prices/`',
    mayImport: ['src/domain/'],
  },
  {
    path: 'src/stores/',
    holds:
      'the connection to Redis, cached responses, counts of limits, the alerts that were sent; each in memory and in Redis',
    mayImport: ['src/domain/'],
  },
  {
    path: 'src/telemetry/',
    holds: 'metrics, traces, statistics, the log; `alerts/`, what operators are sent',
    mayImport: ['src/domain/'],
  },
  {
    path: 'src/policies/',
    holds: 'the policies of the request pipeline, each in a file, or in a folder if it has several parts',
    mayImport: ['src/domain/', 'src/telemetry/metrics/instruments.ts'],
  },
  {
    path: 'src/service/',
    holds: 'the methods of the contract: checks of requests, methods that need no pipeline, health',
    mayImport: ['src/domain/'],
  },
  {
    path: 'src/server/',
    holds: 'the two servers: `grpc/`, `http/`, what both share, the limits on clients, and encoding of messages',
    mayImport: ['src/domain/', 'src/service/'],
  },
  {
    path: 'src/config/',
    holds:
      'the YAML file, the environment and the command line, read and checked; types and defaults belong to the folders that use them',
    mayImport: ['src/domain/', ...settingsOfParts],
  },
  {
    path: 'src/gateway.ts',
    holds: 'the request pipeline, on one page',
    mayImport: ['src/domain/', 'src/policies/', 'src/telemetry/'],
  },
  {
    path: 'src/app/',
    holds: 'builds the parts that the configuration asks for, connects them, starts and stops them',
    mayImport: ['src/'],
  },
  { path: 'src/main.ts', holds: 'the command line and signals', mayImport: ['src/'] },
]

/** The table of docs/architecture.md. */
export function folderTable(): string {
  const rows = folders.map(({ path, holds, mayImport }) => {
    const imports = mayImport.map((allowed) => (allowed === 'src/' ? 'everything' : `\`${allowed.slice(4)}\``))
    return `| \`${path}\` | ${holds} | ${imports.join(', ')} |`
  })
  return ['| folder | contents | may import |', '|---|---|---|', ...rows].join('\n')
}
