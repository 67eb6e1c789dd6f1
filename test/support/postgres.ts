import type { ChildProcess, SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { freePort } from './ports.ts'
import { postgresFolder } from './postgres-test.ts'
import { runProcess, startProcess } from './process.ts'

/** A real Postgres of the test's own, on a free port, whose data end with it. */
export interface PostgresServer {
  /** The address for its superuser. */
  readonly url: string
  /** The address of a database, which is created. */
  createDatabase(name: string): Promise<string>
  /** Executes statements as the superuser, or whom `url` names. */
  query(sql: string, url?: string): Promise<pg.QueryResult>
  /** Starts it on the same port after a kill. */
  start(): Promise<void>
  /** SIGKILL to all its processes; settles when they are gone. */
  kill(): Promise<void>
  /** SIGSTOP to all its processes: it takes connections and answers nothing. */
  stop(): void
  /** SIGCONT. */
  resume(): void
  close(): Promise<void>
}

/** It refuses to run as root. */
const NOBODY = 65_534

export async function startPostgres(): Promise<PostgresServer> {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-postgres-'))
  const data = join(folder, 'data')
  const owner: SpawnOptions = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY, cwd: folder } : { cwd: folder }
  if (owner.uid !== undefined) chownSync(folder, NOBODY, NOBODY)
  const bin = postgresFolder() ?? ''
  const options = ['-D', data, '-U', 'postgres', '--auth=trust', '--no-sync', '--encoding=UTF8', '--locale=C']
  const made = await runProcess(join(bin, 'initdb'), options, owner)
  if (made.exitCode !== 0) throw new Error(`initdb: ${made.stderr}`)
  let child: ChildProcess | undefined
  const url = (database: string) => `postgres://postgres@127.0.0.1:${port}/${database}`

  const start = async () => {
    const settings = ['listen_addresses=127.0.0.1', 'fsync=off', 'max_connections=40', 'shared_buffers=32MB']
    const args = ['-D', data, '-p', String(port), '-k', folder, ...settings.flatMap((setting) => ['-c', setting])]
    for (let isUp = false; !isUp; isUp = await answers(url('postgres'))) {
      // The memory of killed processes may be in use for a moment: then it ends at once.
      if (!isRunning(child)) child = startProcess(join(bin, 'postgres'), args, { ...owner, stdio: 'ignore' })
    }
  }
  const kill = async () => {
    const pids = processesOf(child)
    const gone = isRunning(child) && child ? once(child, 'exit') : undefined
    signal(pids, 'SIGKILL')
    await gone
  }
  await start()
  return {
    url: url('postgres'),
    async createDatabase(name) {
      await query(url('postgres'), `create database ${name}`)
      return url(name)
    },
    query: (sql, address = url('postgres')) => query(address, sql),
    start,
    kill,
    stop: () => signal(processesOf(child), 'SIGSTOP'),
    resume: () => signal(processesOf(child), 'SIGCONT'),
    async close() {
      signal(processesOf(child), 'SIGCONT')
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function query(url: string, sql: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return await client.query(sql)
  } finally {
    await client.end()
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    await query(url, 'select 1')
    return true
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 20))
    return false
  }
}

function isRunning(child: ChildProcess | undefined): boolean {
  return child !== undefined && child.exitCode === null && child.signalCode === null
}

/** The server and the processes that it has started, one for each connection. */
function processesOf(child: ChildProcess | undefined): number[] {
  const parent = child?.pid
  if (parent === undefined || !isRunning(child)) return []
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return [parent, ...pids.map(Number).filter((pid) => parentOf(pid) === parent)]
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return 0
  }
}

function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name)
    } catch {
      // It has ended.
    }
  }
}
