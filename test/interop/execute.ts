import { spawn } from 'node:child_process'
import { once } from 'node:events'

export interface Execution {
  readonly command: string
  readonly args?: readonly string[]
  readonly cwd?: string
  /** Added to this process's own environment. */
  readonly env?: Readonly<Record<string, string>>
  /** The most time for it, in ms. */
  readonly timeout: number
}

export interface Executed {
  /** null when a signal ended it. */
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end. Rejects when it cannot be started. */
export async function execute({ command, args = [], cwd, env = {}, timeout }: Execution): Promise<Executed> {
  const child = spawn(command, args, {
    ...(cwd !== undefined && { cwd }),
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout,
    killSignal: 'SIGKILL',
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  await once(child, 'close')
  return { exitCode: child.exitCode, stdout, stderr }
}

/** Runs a program that must succeed. Rejects with the last line that it says when it does not. */
export async function mustExecute(execution: Execution): Promise<string> {
  const { exitCode, stdout, stderr } = await execute(execution)
  if (exitCode === 0) return stdout
  const how = exitCode === null ? `was ended after ${execution.timeout} ms` : `exited with ${exitCode}`
  const [lastLine = ''] = `${stdout}\n${stderr}`.trim().split('\n').slice(-1)
  throw new Error(`${execution.command} ${how}: ${lastLine}`)
}
