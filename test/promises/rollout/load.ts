import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Client, Program } from '../../interop/clients.ts'
import { startProcess } from '../../support/process.ts'

/** A client that makes calls until it is stopped. */
export interface LoadProgram {
  /** What it makes calls with. */
  readonly library: string
  readonly program: Program
  readonly args: readonly string[]
}

/** What a client says of its calls once it is stopped. */
export interface LoadOutcome {
  readonly calls: number
  /** Calls that the client has repeated by itself; undefined where its library does not show them. */
  readonly retried?: number
  /** How many calls failed, by what went wrong. */
  readonly failures: Readonly<Record<string, number>>
}

const SERVICE_CONFIG = fileURLToPath(new URL('../../../docs/examples/service-config.json', import.meta.url))

/** Builds the clients that can make calls, as far as their tools can be had, and prints why others are left out. */
export async function buildPrograms(clients: readonly Client[], folder: string): Promise<LoadProgram[]> {
  const programs: LoadProgram[] = []
  for (const { name, library, install } of clients) {
    if (library === undefined) continue
    try {
      const build = await install()
      const out = join(folder, name)
      mkdirSync(out)
      const program = await build(out)
      programs.push({ library, program, args: program.load ?? [] })
    } catch (error) {
      console.log(`${library} is left out: ${error instanceof Error ? error.message : error}`)
    }
  }
  return programs
}

/** Starts a client. Returns what stops it, and settles with what became of its calls. */
export function startLoad(
  { program, args }: LoadProgram,
  env: Readonly<Record<string, string>>,
): () => Promise<LoadOutcome> {
  const child = startProcess(program.command, args, {
    env: { ...process.env, ...program.env, ...env, SERVICE_CONFIG },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let stdout = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  const exited = once(child, 'close')
  return async () => {
    child.stdin?.end()
    await exited
    return JSON.parse(stdout) as LoadOutcome // what the programs in test/interop/clients print
  }
}
