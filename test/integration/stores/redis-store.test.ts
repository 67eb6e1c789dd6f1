import { afterEach, beforeEach, describe, expect } from 'vitest'
import type { ComponentState } from '../../../src/domain/ports/operations/components.ts'
import { readRedisUrl } from '../../../src/stores/redis/redis-address.ts'
import { connectRedis, defineScript, type RedisStore } from '../../../src/stores/redis/redis-store.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { type RedisServer, startRedis } from '../../support/redis.ts'
import { test } from '../../support/redis-test.ts'
import { startProxy, type TcpProxy } from '../../support/tcp-proxy.ts'

let server: RedisServer
let proxy: TcpProxy
let store: RedisStore
let changes: ComponentState[]
let clock: FakeClock

const connect = async (port: number, timeout = 2_000, db = 0) => {
  const address = readRedisUrl(`redis://127.0.0.1:${port}/${db}`)
  if (!address) throw new Error('a good URL')
  changes = []
  const events = { sharedStoreChanged: (state: ComponentState) => void changes.push(state) }
  store = await connectRedis({ address, timeout, clock, events })
}

beforeEach(async () => {
  clock = new FakeClock()
  server = await startRedis()
  proxy = await startProxy(server.port, clock)
  await connect(proxy.port)
})

afterEach(async () => {
  store.close()
  await proxy.close()
  await server.close()
})

const health = () => changes.map(({ healthy }) => healthy)
const became = (healthy: boolean) => clock.passUntil(() => store.available === healthy)

test('commands are answered, with texts as bytes and null for what is not there', async () => {
  expect(await store.send('SET', ['key', Buffer.from([0, 255, 1])])).toEqual(Buffer.from('OK'))
  expect(await store.send('GET', ['key'])).toEqual(Buffer.from([0, 255, 1]))
  expect(await store.send('GET', ['nothing'])).toBeNull()
  expect(store.state()).toEqual({ name: 'redis', healthy: true, message: '' })
  expect(health()).toEqual([true])
})

test('a script runs, also where Redis has forgotten it', async () => {
  const script = defineScript("return ARGV[1] .. '!'")
  expect(await store.run(script, [], ['a'])).toEqual(Buffer.from('a!'))
  await (await server.client()).call('SCRIPT', 'FLUSH')
  expect(await store.run(script, [], ['b'])).toEqual(Buffer.from('b!'))
})

test('a command that is wrong gets no answer, and is no reason to give Redis up', async () => {
  await store.send('SET', ['key', 'text'])
  expect(await store.send('LPUSH', ['key', '1'])).toBeUndefined()
  expect([store.available, store.failures]).toEqual([true, 1])
})

test('a command that Redis has no room for is counted once', async () => {
  await (await server.client()).config('SET', 'maxmemory', '1')
  expect(await store.send('SET', ['key', 'text'])).toBeUndefined()
  expect([store.available, store.failures]).toEqual([false, 1])
})

describe('trouble', () => {
  const troubles: [string, () => void | Promise<void>, () => void | Promise<void>][] = [
    ['killed', () => server.kill(), () => server.start()],
    ['stopped', () => server.stop(), () => server.resume()],
    [
      '5 s slow',
      () => {
        proxy.delay = 5_000
      },
      () => {
        proxy.delay = 0
        proxy.cut()
      },
    ],
    [
      'losing replies',
      () => {
        proxy.eatsReplies = true
      },
      () => {
        proxy.eatsReplies = false
      },
    ],
    [
      'read-only',
      async () => void (await (await server.client()).replicaof('127.0.0.1', 1)),
      async () => void (await (await server.client()).replicaof('NO', 'ONE')),
    ],
    [
      'full',
      async () => void (await (await server.client()).config('SET', 'maxmemory', '1')),
      async () => void (await (await server.client()).config('SET', 'maxmemory', '0')),
    ],
  ]

  test.each(troubles)(
    'Redis is %s: nobody waits for it any more, and it is used again by itself',
    async (_, begin, end) => {
      await begin()
      const first = Promise.all(Array.from({ length: 20 }, () => store.send('SET', ['key', '1'])))
      await became(false)
      expect(store.waiting, 'beside a probe').toBeLessThan(2)
      expect((await first).filter((reply) => reply !== undefined)).toEqual([])
      // No time passes here: they are answered at once.
      const replies = await Promise.all(Array.from({ length: 100 }, () => store.send('PING', [])))
      expect(replies.every((reply) => reply === undefined)).toBe(true)
      const running = Promise.all(Array.from({ length: 100 }, () => store.run(defineScript('return 1'), [], [])))
      expect(store.waiting, 'beside a probe').toBeLessThan(2)
      expect((await running).every((reply) => reply === undefined)).toBe(true)
      const { failures } = store
      await clock.passUntil(() => store.failures > failures + 2)
      expect(store.state().message).toMatch(/^Redis is unavailable \([\w ]+\)\.$/)
      await end()
      await became(true)
      expect(await store.send('PING', [])).toEqual(Buffer.from('PONG'))
      expect(health(), 'one word for each change').toEqual([true, false, true])
      expect(store.waiting).toBe(0)
    },
  )

  test.each([
    ['has no command EVALSHA', ['--rename-command', 'EVALSHA', ''], 0, 'no EVALSHA command'],
    ['has no command EVAL', ['--rename-command', 'EVAL', ''], 0, 'no EVAL command'],
    ['is part of a cluster that is not complete', ['--cluster-enabled', 'yes'], 0, 'C'],
    ['has no such database', [], 99, 'database 99 cannot be used'],
  ])('a Redis that %s is in trouble from the start, reported once', async (_, options, db, message) => {
    const incapable = await startRedis(...options)
    store.close()
    try {
      await connect(incapable.port, 2_000, db)
      await clock.passUntil(() => store.state().message.includes(message))
      expect(store.available).toBe(false)
      expect(await store.send('GET', ['key'])).toBeUndefined()
      expect(health()).toEqual([false])
    } finally {
      store.close()
      await incapable.close()
    }
  })

  test('a database that does not exist is never used, also when one probe ends while another one asks for it', async () => {
    store.close()
    proxy.splitsReplies = true
    await connect(proxy.port, 2_000, 99)
    await clock.advance(5_000)
    expect(health()).toEqual([false])
  })

  test('a user that may run no scripts any more is noticed while nobody asks, and reported once', async () => {
    const client = await server.client()
    await client.call('ACL', 'SETUSER', 'default', '-eval', '-evalsha')
    await became(false)
    expect(store.state().message).toBe('Redis is unavailable (NOPERM).')
    await client.call('ACL', 'SETUSER', 'default', '+eval', '+evalsha')
    await became(true)
    expect(health()).toEqual([true, false, true])
  })

  test('trouble is noticed while nobody asks', async () => {
    server.stop()
    await became(false)
    server.resume()
    await became(true)
  })

  test('Redis is down when the gateway starts, and comes later', async () => {
    store.close()
    await server.kill()
    // No time passes: a Redis that refuses connections is not waited for.
    await connect(server.port)
    expect(store.available).toBe(false)
    expect(store.state().message).toBe('Redis is unavailable (ECONNREFUSED).')
    await server.start()
    await became(true)
    expect(health()).toEqual([false, true])
  })
})

test('a password is needed and known', async () => {
  await (await server.client()).config('SET', 'requirepass', 'secret')
  store.close()
  await connect(server.port)
  expect(store.available).toBe(false)
  store.close()
  const address = readRedisUrl(`redis://:secret@127.0.0.1:${server.port}/3`)
  if (!address) throw new Error('a good URL')
  store = await connectRedis({ address, timeout: 1_000, clock })
  expect(store.available).toBe(true)
  expect(String(await store.send('CLIENT', ['INFO']))).toMatch(/ name=llm-gateway .* db=3 /)
})
