import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { kindNamed } from '../../src/providers/index.ts'

/** A provider of the gateway's configuration. */
export interface ConformanceProvider {
  readonly name: string
  readonly kind: string
  readonly baseUrl: string
}

export interface RunningGateway {
  /** `host:port` of its gRPC door. */
  readonly address: string
  stop(): Promise<void>
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Starts the gateway as its operators do: a process of its own, with a configuration file, on free ports. */
export async function startGateway(providers: readonly ConformanceProvider[]): Promise<RunningGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-'))
  const file = join(folder, 'gateway.yaml')
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(configFor(providers)))
  const gateway = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts', 'serve', '--config', file], {
    cwd: ROOT,
    // No key of the machine's may bring in another vendor.
    env: { PATH: process.env['PATH'], CONFORMANCE_KEY: 'conformance-key' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const stop = async () => {
    if (gateway.exitCode === null && gateway.signalCode === null) {
      gateway.kill('SIGKILL')
      await once(gateway, 'exit')
    }
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    return { address: await addressOf(gateway), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function configFor(providers: readonly ConformanceProvider[]) {
  const address = '127.0.0.1:0'
  const entries = providers.map(({ name, kind, baseUrl }) => {
    // Filled in by the gateway, not here.
    const keys = kindNamed(kind)?.key ? { keys: ['$' + '{CONFORMANCE_KEY}'] } : {}
    return [name, { kind, base_url: baseUrl, ...keys }] as const
  })
  return {
    server: { grpc: address, http: address, metrics: address },
    auth: 'none',
    providers: Object.fromEntries(entries),
  }
}

/** Reads the log until the gateway is ready. */
async function addressOf(gateway: ChildProcess): Promise<string> {
  if (!gateway.stdout) throw new Error('the gateway has no output')
  for await (const text of createInterface({ input: gateway.stdout })) {
    const line: unknown = JSON.parse(text)
    if (typeof line !== 'object' || line === null || !('message' in line) || line.message !== 'ready') continue
    if ('grpc' in line && typeof line.grpc === 'string') {
      gateway.stdout.resume()
      return line.grpc
    }
  }
  throw new Error('the gateway did not start')
}
