import type { RedisServer } from '../support/redis.ts'
import type { TcpProxy } from '../support/tcp-proxy.ts'

/** What can be wrong with a Redis. */
export interface Trouble {
  /** As in `Redis is killed`. */
  readonly name: string
  /** Whether Redis is not used meanwhile. */
  readonly lasts: boolean
  begin(): Promise<void> | void
  end(): Promise<void> | void
}

/** `proxy` stands before `redis`. */
export function troublesOf(redis: RedisServer, proxy: TcpProxy): readonly Trouble[] {
  const order = async (...words: readonly [string, ...string[]]) => {
    const [command, ...args] = words
    const client = await redis.client()
    await client.call(command, ...args)
    client.disconnect()
  }
  const holdBack = (ms: number) => {
    proxy.delay = ms
  }
  const eat = (replies: boolean) => {
    proxy.eatsReplies = replies
  }
  return [
    { name: 'killed (-9) and restarted', lasts: true, begin: () => redis.kill(), end: () => redis.start() },
    { name: 'stopped (SIGSTOP)', lasts: true, begin: () => redis.stop(), end: () => redis.resume() },
    { name: 'flushed (FLUSHALL)', lasts: false, begin: () => order('FLUSHALL'), end: () => {} },
    { name: 'losing its replies', lasts: true, begin: () => eat(true), end: () => eat(false) },
    { name: '5 s slow', lasts: true, begin: () => holdBack(5_000), end: () => holdBack(0) },
    {
      name: 'read-only (REPLICAOF)',
      lasts: true,
      begin: () => order('REPLICAOF', '127.0.0.1', '1'),
      end: () => order('REPLICAOF', 'NO', 'ONE'),
    },
    {
      name: 'out of memory (maxmemory 1)',
      lasts: true,
      begin: () => order('CONFIG', 'SET', 'maxmemory', '1'),
      end: () => order('CONFIG', 'SET', 'maxmemory', '0'),
    },
  ]
}
