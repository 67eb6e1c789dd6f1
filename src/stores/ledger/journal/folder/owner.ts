import { readFileSync, readlinkSync } from 'node:fs'

/** A process that writes a journal. Texts are empty where the system does not say. */
export interface Owner {
  readonly pid: number
  /** Identifies the boot of the machine. */
  readonly boot: string
  /** Identifies the PID namespace, which differs between containers of a machine. */
  readonly namespace: string
  /** When the process started, in the system's own units. */
  readonly started: string
}

/** Age in ms of the last sign of life from which a process that cannot be seen counts as ended. */
const STALE = 20_000

/** How often an owner gives a sign of life, in ms. */
export const SIGN_OF_LIFE_INTERVAL = 5_000

export function thisProcess(): Owner {
  return {
    pid: process.pid,
    boot: textOf(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    namespace: textOf(() => readlinkSync('/proc/self/ns/pid')),
    started: startOf(process.pid),
  }
}

/**
 * Whether an owner still runs. One in another container or on another machine cannot be seen from here: its last sign
 * of life, which is `age` ms old, decides.
 */
export function isRunning(owner: Owner, age: number): boolean {
  const self = thisProcess()
  if (owner.boot !== self.boot || owner.namespace !== self.namespace) return age < STALE
  return exists(owner.pid) && startOf(owner.pid) === owner.started
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // It exists, but belongs to another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Field 22 of a process's `stat`; the name in field 2 may hold blanks. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function startOf(pid: number): string {
  return textOf(() => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  })
}

function textOf(read: () => string): string {
  try {
    return read()
  } catch {
    return ''
  }
}
