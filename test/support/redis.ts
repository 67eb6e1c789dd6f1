import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Redis } from 'ioredis'
import { readRedisUrl } from '../../src/stores/redis/redis-address.ts'
import { createRedisClient } from '../../src/stores/redis/redis-client.ts'
import { freePort } from './ports.ts'
import { startProcess } from './process.ts'

/** A real redis-server of the test's own, on a free port, with nothing kept on disk. */
export interface RedisServer {
  readonly port: number
  readonly url: string
  /** A client beside the gateway's, for looking at and meddling with what is stored. */
  client(): Promise<Redis>
  /** Starts it on the same port after a kill. */
  start(): Promise<void>
  /** SIGKILL; settles when the process is gone. */
  kill(): Promise<void>
  /** SIGSTOP: it takes connections and answers nothing. */
  stop(): void
  /** SIGCONT. */
  resume(): void
  close(): Promise<void>
}

export async function startRedis(...options: readonly string[]): Promise<RedisServer> {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-redis-'))
  const clients: Redis[] = []
  let child: ChildProcess | undefined
  const start = async () => {
    const fixed = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder]
    child = startProcess('redis-server', [...fixed, ...options], { stdio: ['ignore', 'pipe', 'ignore'] })
    await ready(child)
  }
  const kill = async () => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  await start()
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    async client() {
      const address = readRedisUrl(`redis://127.0.0.1:${port}`)
      if (!address) throw new Error('a URL of ours')
      const client = await createRedisClient(address, 5_000)
      // A busy process may learn only after a second that it is connected.
      client.options.connectTimeout = 60_000
      client.on('error', () => {})
      clients.push(client)
      await client.connect()
      return client
    },
    start,
    kill,
    stop: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    async close() {
      for (const client of clients) client.disconnect()
      child?.kill('SIGCONT')
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Settles when this Redis says so itself: an answer at its port might be another one's. */
function ready(child: ChildProcess): Promise<void> {
  const lines: string[] = []
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', () => reject(new Error(`redis-server has ended:\n${lines.join('\n')}`)))
    if (!child.stdout) return
    createInterface(child.stdout).on('line', (line) => {
      lines.push(line)
      if (line.includes('Ready to accept connections')) resolve()
    })
  })
}
