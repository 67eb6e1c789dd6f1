import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../test/support/ports.ts'
import { CALLER_KEY } from './load.ts'
import { Server } from './process.ts'

const builtGateway = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const builtFloor = fileURLToPath(new URL('dist/floor.js', import.meta.url))
const builtUpstream = fileURLToPath(new URL('dist/upstream.js', import.meta.url))
const builtMeter = new URL('dist/meter.js', import.meta.url).href

/** A server under load, and how to count what it answered. */
export interface Subject {
  readonly name: string
  readonly server: Server
  readonly port: number
  /** How many calls it says it answered well; undefined where it does not count. */
  answered(): Promise<number | undefined>
}

/** How a gateway departs from the usual: no traces, and no log line for a call that ended well. */
export interface Variant {
  readonly name: string
  readonly logLevel: 'warn' | 'info'
  readonly traces: boolean
  /** More of the configuration. */
  readonly more?: string
  /** Whether it needs a Redis. */
  readonly redis?: boolean
}

/** Far away, so that they are counted and refuse nobody. */
const LIMITS = 'limits: { caller: { requests: 1000000000, tokens: 2000000000, concurrent: 10000 } }'

/** As far away. */
const BUDGETS = `budgets:
  list:
    - { name: all, scope: global, limit_usd: 1000000, window: month }
    - { name: vendors, scope: provider, limit_usd: 1000000, window: month, action: avoid }
    - { name: callers, scope: caller, limit_usd: 1000000, window: day }`

/** SQLite in a folder of the measurement. */
function ledgerIn(name: string): string {
  return `ledger: { url: "sqlite:${name}/ledger.db", journal: ${name}/journal }`
}

export const variants = {
  usual: { name: 'gateway', logLevel: 'warn', traces: false },
  traced: { name: 'gateway-traced', logLevel: 'warn', traces: true },
  logging: { name: 'gateway-logging', logLevel: 'info', traces: false },
  /** Keys, limits, cache, metrics and 1 % of traces. */
  complete: { name: 'gateway-complete', logLevel: 'warn', traces: true, more: `cache: { ttl: 1h }\n${LIMITS}` },
  redis: {
    name: 'gateway-redis',
    logLevel: 'warn',
    traces: false,
    more: 'cache: { strategy: redis }\nlimits: { store: memory }',
    redis: true,
  },
  hybrid: {
    name: 'gateway-hybrid',
    logLevel: 'warn',
    traces: false,
    more: 'cache: { strategy: hybrid }\nlimits: { store: memory }',
    redis: true,
  },
  limited: { name: 'gateway-limited', logLevel: 'warn', traces: false, more: LIMITS },
  limitedInRedis: { name: 'gateway-limited-in-redis', logLevel: 'warn', traces: false, more: LIMITS, redis: true },
  limitedAndRecorded: {
    name: 'gateway-limited-and-recorded',
    logLevel: 'warn',
    traces: false,
    more: `${LIMITS}\n${ledgerIn('limited-and-recorded')}`,
    redis: true,
  },
  recorded: { name: 'gateway-recorded', logLevel: 'warn', traces: false, more: ledgerIn('recorded') },
  budgeted: { name: 'gateway-budgeted', logLevel: 'warn', traces: false, more: `${ledgerIn('budgeted')}\n${BUDGETS}` },
  budgetedInRedis: {
    name: 'gateway-budgeted-in-redis',
    logLevel: 'warn',
    traces: false,
    more: `limits: { store: memory }\n${ledgerIn('budgeted-in-redis')}\n${BUDGETS}`,
    redis: true,
  },
} as const satisfies Record<string, Variant>
export type VariantName = keyof typeof variants

/** The vendor that everybody asks. */
export class Upstream {
  readonly server: Server
  readonly port: number

  private constructor(server: Server, port: number) {
    this.server = server
    this.port = port
  }

  static async start(folder: string): Promise<Upstream> {
    const server = Server.start({ script: builtUpstream, folder, name: 'upstream' })
    const { port } = await server.ask<{ port: number }>()
    return new Upstream(server, port)
  }

  async served(): Promise<number> {
    return (await this.server.ask<{ served: number }>('served')).served
  }
}

export async function startFloor(folder: string, upstream: Upstream): Promise<Subject> {
  const port = await freePort()
  const args = [String(port), `http://127.0.0.1:${upstream.port}`]
  const server = Server.start({ script: builtFloor, args, preload: builtMeter, folder, name: 'floor' })
  await server.listens(port)
  return { name: 'floor', server, port, answered: async () => undefined }
}

/** `redis` is the port of one; `bare` leaves out what is loaded only to look into it. */
export async function startGateway(
  folder: string,
  upstream: Upstream,
  variant: Variant,
  { redis, bare = false }: { readonly redis?: number | undefined; readonly bare?: boolean } = {},
): Promise<Subject> {
  const [grpc, http, metrics] = await Promise.all([freePort(), freePort(), freePort()])
  const config = `${folder}/${variant.name}.yaml`
  await writeFile(config, gatewayYaml({ grpc, http, metrics }, upstream.port, redis, variant))
  const server = Server.start({
    script: builtGateway,
    args: ['serve', '--config', config],
    env: { CALLER_KEY, VENDOR_KEY: 'bench-vendor-key' },
    ...(!bare && { preload: builtMeter }),
    folder,
    name: variant.name,
  })
  await server.listens(grpc)
  return { name: 'gateway', server, port: grpc, answered: () => answeredOk(metrics) }
}

function gatewayYaml(
  ports: Record<'grpc' | 'http' | 'metrics', number>,
  upstream: number,
  redis: number | undefined,
  variant: Variant,
): string {
  const vendor = (name: string) =>
    `  ${name}: { kind: openai, base_url: "http://127.0.0.1:${upstream}/${name}/v1", keys: ["\${VENDOR_KEY}"] }`
  const collector = variant.traces ? `otlp_endpoint: "http://127.0.0.1:${upstream}", sample_ratio: 0.01, ` : ''
  return `server:
  grpc: 127.0.0.1:${ports.grpc}
  http: 127.0.0.1:${ports.http}
  metrics: 127.0.0.1:${ports.metrics}
auth: { keys: [{ name: bench, key: "\${CALLER_KEY}" }] }
providers:
  sim: { kind: simulator }
${['upstream', 'paced', 'base64', 'float'].map(vendor).join('\n')}
telemetry: { ${collector}log_level: ${variant.logLevel} }
${variant.more ?? ''}
${variant.redis ? `redis: { url: "redis://127.0.0.1:${redis}" }` : ''}
`
}

async function answeredOk(metricsPort: number): Promise<number> {
  const page = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()
  const good = page.matchAll(/^llm_requests_total\{[^}]*status="OK"[^}]*\} (\d+)/gm)
  return Array.from(good, ([, count]) => Number(count)).reduce((sum, count) => sum + count, 0)
}

/** A Redis on a free port; undefined where there is none on this machine. */
export async function startRedis(): Promise<{ readonly port: number; stop(): Promise<void> } | undefined> {
  const port = await freePort()
  const child = spawn('redis-server', ['--port', String(port), '--save', '', '--appendonly', 'no'], { stdio: 'ignore' })
  const failed = await new Promise<boolean>((resolve) => {
    child.once('error', () => resolve(true))
    child.once('spawn', () => resolve(false))
  })
  if (failed) return undefined
  await pause(300)
  return {
    port,
    async stop() {
      const gone = once(child, 'exit')
      child.kill()
      await gone
    },
  }
}
