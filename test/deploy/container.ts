import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { execute } from '../interop/execute.ts'
import { type Ended, startProcess } from '../support/process.ts'
import { assignments, ENTER, type Image, isolated } from './image.ts'

/** An image that runs: as process 1 of its namespace, on a network of its own, its root not to be written. */
export interface Container {
  /** Process 1, as this machine counts. */
  readonly pid: number
  output(): string
  /** Resolves when its output has this text. Rejects when it ends without, or after 30 s. */
  said(text: string): Promise<void>
  /** Runs a command beside it, as `docker exec` does. */
  execute(command: readonly string[]): Promise<Ended>
  /** Does nothing once it has ended. */
  signal(name: 'SIGTERM' | 'SIGKILL'): void
  /** Its exit code. Rejects when a signal ended it, which comes after 60 s. */
  ended(): Promise<number | null>
}

const PATIENCE = 30_000
/** More than the gateway may take to end. */
const MAX_END = 60_000

export interface RunOptions {
  /** Besides those of the image. */
  readonly variables?: Readonly<Record<string, string>>
  /** In place of the image's CMD. */
  readonly command?: readonly string[]
}

/** Starts what the image says it runs. */
export async function run(image: Image, { variables = {}, command = image.command }: RunOptions): Promise<Container> {
  const { root, directory, user, entrypoint } = image
  const environment = [...assignments(image), ...Object.entries(variables).map(([name, value]) => `${name}=${value}`)]
  const enter = [ENTER, root, `${user.uid}:${user.gid}`, directory, 'ro', ...environment, ...entrypoint, ...command]
  const [program, ...args] = isolated(['--mount', '--pid', '--net'], enter)
  const child = startProcess(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const output = collect(child)
  const exited = once(child, 'close').then(() => child.exitCode)
  const pid = await firstChild(child)
  const ended = async () => {
    const timer = setTimeout(() => process.kill(pid, 'SIGKILL'), MAX_END)
    const code = await exited.finally(() => clearTimeout(timer))
    if (child.signalCode !== null || code === 137) throw new Error(`it did not end by itself:\n${output()}`)
    return code
  }
  return {
    pid,
    output,
    ended,
    said: (text) => until(() => output().includes(text), child, output),
    execute: (words) => beside(pid, image, environment, words),
    signal: (name) => {
      if (child.exitCode === null && child.signalCode === null) process.kill(pid, name)
    },
  }
}

function collect(child: ChildProcess): () => string {
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  return () => output
}

/** The process that `unshare` forks: process 1 of the new namespace. */
async function firstChild(child: ChildProcess): Promise<number> {
  const path = `/proc/${child.pid}/task/${child.pid}/children`
  let pid = ''
  await until(
    () => {
      pid = existsSync(path) ? readFileSync(path, 'utf8').trim() : ''
      return pid !== ''
    },
    child,
    () => 'no process was started',
  )
  return Number(pid)
}

async function until(done: () => boolean, child: ChildProcess, output: () => string): Promise<void> {
  const end = Date.now() + PATIENCE
  while (!done()) {
    if (child.exitCode !== null || Date.now() > end) throw new Error(`it did not come so far:\n${output()}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function beside(pid: number, { user }: Image, environment: readonly string[], words: readonly string[]) {
  const namespaces = ['--target', String(pid), '--mount', '--pid', '--net', '--root', '--wd']
  const who = ['--setuid', String(user.uid), '--setgid', String(user.gid)]
  const args = [...namespaces, ...who, 'env', '-i', ...environment, ...words]
  return execute({ command: 'nsenter', args, timeout: PATIENCE })
}
