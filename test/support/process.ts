import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import type { Writable } from 'node:stream'

let guard: Writable | undefined

/** Starts a program that ends with this process at the latest, however this one ends. */
export function startProcess(program: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const child = spawn(program, args, options)
  const { pid } = child
  if (pid === undefined) return child
  guard ??= startGuard()
  guard.write(`+ ${pid}\n`)
  child.once('exit', () => guard?.write(`- ${pid}\n`))
  return child
}

/**
 * A shell that knows which children are running and kills them when its input ends. That happens even after a SIGKILL of
 * this process, which could not kill anything itself. Its own session keeps it alive through Ctrl-C.
 */
function startGuard(): Writable {
  const shell = spawn('sh', ['-c', GUARD], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  shell.unref()
  const { stdin } = shell
  if ('unref' in stdin && typeof stdin.unref === 'function') stdin.unref()
  return stdin
}

const GUARD = `
running=
while read -r sign pid; do
  others=
  for each in $running; do [ "$each" = "$pid" ] || others="$others $each"; done
  running=$others
  [ "$sign" = - ] || running="$running $pid"
done
for each in $running; do kill -9 "$each"; done
`

/** What a program left behind that has ended. */
export interface Ended {
  /** null when a signal ended it. */
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end. Rejects when it cannot be started. */
export function runProcess(program: string, args: readonly string[], options: SpawnOptions = {}): Promise<Ended> {
  const child = startProcess(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text
    })
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (exitCode: number | null) => resolve({ exitCode, ...texts }))
  })
}
