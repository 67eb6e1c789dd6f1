import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseDocument } from 'yaml'
import { startProcess } from './process.ts'

export interface GatewayOptions {
  /** The configuration file; without it there is none. Its `server` block need not name addresses. */
  readonly yaml?: string
  readonly env?: Readonly<Record<string, string>>
  /** `host:port` of its gRPC server. Default: a free port. */
  readonly grpc?: string
  /** Whether `pass` moves its clock. With `only`, nothing else does: timers alone run in real time, too. */
  readonly movableTime?: boolean | 'only'
}

/** One line of the log. */
export type LogLine = Readonly<Record<string, unknown>>

/** A gateway as its operators run it: a process of its own, on free ports. */
export interface RunningGateway {
  /** `host:port` of its gRPC door. */
  readonly grpc: string
  /** `http://host:port` of its HTTP door. */
  readonly http: string
  /** The URL of its metrics. */
  readonly metrics: string
  readonly pid: number
  /** All that it has written so far. */
  output(): string
  /** Settles with the first line of the log that fits, past ones included. Rejects when the process ends without one. */
  logged(fits: (line: LogLine) => boolean): Promise<LogLine>
  signal(name: 'SIGTERM' | 'SIGKILL'): void
  /** Moves its clock on by `ms`, firing every timer that falls due. Settles when that is done. */
  pass(ms: number): Promise<void>
  /** Its exit code; null when a signal ended it. */
  readonly exited: Promise<number | null>
  /** Ends the process at once. */
  close(): Promise<void>
}

/** The gateway as it was compiled for this run, or else its source through a loader. */
function main(): string[] {
  const built = process.env['BUILT_GATEWAY']
  if (built) return [built]
  const source = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
  return ['--import', createRequire(import.meta.url).resolve('tsx'), source]
}

const FREE = '127.0.0.1:0'
const MOVABLE_TIME = new URL('movable-time.mjs', import.meta.url).href
const STANDING_TIME = `${MOVABLE_TIME}?standing`

export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const started = start('serve', { ...options, yaml: patient(options) })
  try {
    const ready = await started.logged((line) => line['message'] === 'ready')
    return {
      ...started,
      grpc: String(ready['grpc']),
      http: `http://${ready['http']}`,
      metrics: `http://${ready['metrics']}/metrics`,
    }
  } catch (error) {
    await started.close()
    throw error
  }
}

/** Of one of its doors. */
export function portOf(address: string): number {
  return Number(address.split(':').at(-1))
}

/**
 * On a busy machine no gateway may refuse calls because its event loop is late. Where a test moves time, no ping may be
 * missing that a client had no time to answer.
 */
function patient({ yaml = '', movableTime = false }: GatewayOptions): string {
  const document = parseDocument(yaml)
  const set = (path: readonly string[], value: string) => void (document.hasIn(path) || document.setIn(path, value))
  set(['server', 'limits', 'loop_delay'], '10s')
  if (movableTime) set(['server', 'keepalive'], '24h')
  return document.toString()
}

/** Runs a command that ends by itself. */
export async function runGateway(
  command: 'serve' | 'check',
  options: GatewayOptions,
): Promise<{ readonly exitCode: number | null; readonly output: string }> {
  const started = start(command, options)
  const exitCode = await started.exited
  await started.close()
  return { exitCode, output: started.output() }
}

function start(command: 'serve' | 'check', { yaml, env = {}, grpc = FREE, movableTime = false }: GatewayOptions) {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-'))
  const file = join(folder, 'gateway.yaml')
  if (yaml !== undefined) writeFileSync(file, yaml)
  const addresses = ['--grpc', grpc, '--http', FREE, '--metrics', FREE]
  const config = yaml === undefined ? [] : ['--config', file]
  const time = movableTime ? ['--import', movableTime === 'only' ? STANDING_TIME : MOVABLE_TIME] : []
  const child = startProcess(process.execPath, [...time, ...main(), command, ...addresses, ...config], {
    cwd: folder,
    // No key of the machine's may bring in another vendor.
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe', ...(movableTime ? (['ipc'] as const) : [])],
  })
  const exited = once(child, 'close').then(() => child.exitCode)
  return {
    ...readOutput(child),
    pid: child.pid ?? 0,
    exited,
    signal: (name: 'SIGTERM' | 'SIGKILL') => void child.kill(name),
    async pass(ms: number) {
      const moved = once(child, 'message')
      // Without a callback one that has just ended would fail `exited`, which is about to settle.
      child.send(ms, () => {})
      await Promise.race([moved, exited])
    },
    async close() {
      child.kill('SIGKILL')
      await exited
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function readOutput(child: ChildProcess): Pick<RunningGateway, 'output' | 'logged'> {
  const lines: string[] = []
  const waiting = new Set<(line: string) => void>()
  const read = (line: string) => {
    lines.push(line)
    for (const notify of waiting) notify(line)
  }
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on('line', read)
  }
  return {
    output: () => lines.join('\n'),
    logged: (fits) =>
      new Promise((resolve, reject) => {
        const notify = (text: string) => {
          const line = parsed(text)
          if (!line || !fits(line)) return
          waiting.delete(notify)
          resolve(line)
        }
        waiting.add(notify)
        for (const text of lines) notify(text)
        child.once('close', () => reject(new Error(`the gateway ended without saying it:\n${lines.join('\n')}`)))
      }),
  }
}

function parsed(text: string): LogLine | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as LogLine) : undefined // an object of unknown members
  } catch {
    return undefined
  }
}
