import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

export interface StartOptions {
  readonly script: string
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Loaded before the script. */
  readonly preload?: string
  /** Where it works, and keeps what it prints in `<name>.log`. */
  readonly folder: string
  readonly name: string
}

/** A program that is measured, or helps to measure. */
export class Server {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  static start({ script, args = [], env = {}, preload, folder, name }: StartOptions): Server {
    const output = openSync(`${folder}/${name}.log`, 'a')
    const imports = preload === undefined ? [] : ['--import', preload]
    const child = spawn(process.execPath, [...imports, script, ...args], {
      cwd: folder,
      // Nothing else of the environment: a proxy or a key of a vendor would change what is measured.
      env: { PATH: '/usr/bin:/bin', ...env },
      stdio: ['ignore', output, output, 'ipc'],
    })
    child.once('exit', (code) => {
      if (code) console.error(`${name} ended with ${code}: see ${folder}/${name}.log`)
    })
    return new Server(child)
  }

  /** Asks it over the channel that it shares with its parent; without a question, waits for what it says first. */
  async ask<T>(question?: string): Promise<T> {
    const answer = once(this.#child, 'message')
    if (question !== undefined) this.#child.send(question)
    const [message] = await answer
    return message as T // each server's own protocol
  }

  /** CPU time of all its threads so far, in microseconds. The one in /proc counts in steps of 10 ms: too coarse. */
  async cpu(): Promise<number> {
    return (await this.ask<{ cpu: number }>('cpu')).cpu
  }

  /** Resident memory in bytes. */
  get rss(): number {
    return residentMemory(this.#child.pid)
  }

  /** Settles as soon as it listens on the port. Rejects when it ends before, or after 10 s. */
  async listens(port: number): Promise<void> {
    const giveUp = performance.now() + 10_000
    while (!(await connects(port))) {
      if (this.#child.exitCode !== null || performance.now() > giveUp) throw new Error(`nobody listens on port ${port}`)
      await pause(5)
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }
}

/** Of a process, in bytes: what it has now, or the most that it has had. */
export function residentMemory(pid: number | undefined, field: 'VmRSS' | 'VmHWM' = 'VmRSS'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024
}

/** Resets the peak of resident memory. https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html */
export function forgetMostMemory(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
