import { type Ended, runProcess } from '../support/process.ts'

export interface Execution {
  readonly command: string
  readonly args?: readonly string[]
  readonly cwd?: string
  /** Added to this process's own environment. */
  readonly env?: Readonly<Record<string, string>>
  /** The most time for it, in ms. */
  readonly timeout: number
}

/** Runs a program to its end. Rejects when it cannot be started. */
export function execute({ command, args = [], cwd, env = {}, timeout }: Execution): Promise<Ended> {
  return runProcess(command, args, {
    ...(cwd !== undefined && { cwd }),
    env: { ...process.env, ...env },
    timeout,
    killSignal: 'SIGKILL',
  })
}

/** Runs a program that must succeed. Rejects with the last line that it says when it does not. */
export async function mustExecute(execution: Execution): Promise<string> {
  const { exitCode, stdout, stderr } = await execute(execution)
  if (exitCode === 0) return stdout
  const how = exitCode === null ? `was ended after ${execution.timeout} ms` : `exited with ${exitCode}`
  const [lastLine = ''] = `${stdout}\n${stderr}`.trim().split('\n').slice(-1)
  throw new Error(`${execution.command} ${how}: ${lastLine}`)
}
