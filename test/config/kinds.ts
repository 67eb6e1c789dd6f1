import { z } from 'zod'
import { type Loaded, loadConfig, type Sources } from '../../src/config/load.ts'
import type { ProviderKind } from '../../src/providers/define.ts'

const bearer = { name: 'authorization', prefix: 'Bearer ' }

/** Kinds of invented vendors, one of each sort. */
export const kinds: readonly ProviderKind[] = [
  {
    kind: 'acme',
    baseUrl: 'https://api.acme.test/v1',
    key: bearer,
    environment: {
      keys: ['ACME_API_KEY'],
      baseUrl: ['ACME_BASE_URL'],
      defaultModel: ['ACME_MODEL'],
      options: { organization: ['ACME_ORGANIZATION'], region: ['ACME_REGION'] },
    },
    capabilities: [],
    models: { rulesOf: () => ({}), settable: ['sampling', 'maxStops', 'batchInputs'] },
    options: { organization: z.string().optional(), region: z.enum(['eu', 'us']).optional() },
  },
  {
    kind: 'borealis',
    key: { name: 'api-key', prefix: '' },
    environment: {
      keys: ['BOREALIS_API_KEY', 'NORTH_API_KEY'],
      baseUrl: ['BOREALIS_ENDPOINT'],
      options: { tenant: ['BOREALIS_TENANT'] },
    },
    capabilities: [],
    options: { tenant: z.string(), ceilings: z.record(z.string(), z.number()).optional() },
  },
  {
    kind: 'cumulus',
    baseUrl: 'https://cumulus.test',
    key: bearer,
    environment: { keys: ['CUMULUS_API_KEY'] },
    capabilities: [],
  },
  { kind: 'den', key: bearer, keyOptional: true, environment: { baseUrl: ['DEN_URL'] }, local: true, capabilities: [] },
  {
    kind: 'edge-box',
    baseUrl: 'http://localhost:1234/v1',
    environment: { baseUrl: ['EDGE_URL'] },
    local: true,
    capabilities: [],
  },
]

/** Beginning of the notice about task types without a route, which nearly every file of a test has. */
export const UNROUTED_TASKS = 'tasks: without a route'

/** Loads with the invented kinds, without that notice; whatever a test leaves out is empty. */
export function load(sources: Partial<Sources>): Loaded {
  const loaded = loadConfig({ env: {}, kinds, directory: '/etc/gateway', ...sources })
  return { ...loaded, notices: loaded.notices.filter((notice) => !notice.startsWith(UNROUTED_TASKS)) }
}

/** The configuration of sources that hold no mistake. */
export function configOf(sources: Partial<Sources>) {
  const { config, problems } = load(sources)
  if (!config) throw new Error(problems.map(({ path, reason }) => `${path}: ${reason}`).join('\n'))
  return config
}

/** Everything that is wrong, as `path: reason`. */
export function problemsOf(sources: Partial<Sources>): string[] {
  return load(sources).problems.map(({ path, reason }) => `${path}: ${reason}`)
}
