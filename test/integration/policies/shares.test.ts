import { afterEach, describe, expect, test } from 'vitest'
import { type ChatInit, chat, type ServerName, streamChat } from '../../support/client.ts'
import { ConnectClient } from '../../support/connect-client.ts'
import { eventually } from '../../support/eventually.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { signedToken } from '../../support/signed-token.ts'
import {
  answers,
  held,
  type Reply,
  silence,
  startUpstream,
  type UpstreamServer,
} from '../../support/upstream-server.ts'

/* What one caller can take from the others: tokens of a limit, places in a queue, room in the cache, and counters. */

const SECRET = 'a secret of at least thirty-two bytes'
const KEYS = {
  ADA: 'key-of-ada-0123456789',
  BOB: 'key-of-bob-0123456789',
  WEB: 'key-of-web-0123456789',
  JWT_SECRET: SECRET,
}

let gateway: RunningGateway
let upstream: UpstreamServer
let servers: Record<'gRPC' | 'HTTP', ServerName>

async function start(reply: Reply, yaml: string, provider = '', env: Record<string, string> = {}) {
  upstream = await startUpstream(reply)
  gateway = await startGateway({
    yaml: `
auth:
  jwt: { secret: "\${JWT_SECRET}" }
  keys: [{ name: ada, key: "\${ADA}" }, { name: bob, key: "\${BOB}" }, { name: web, key: "\${WEB}" }]
providers:
  house: { kind: local, base_url: "${upstream.url}", default_model: m ${provider} }
${yaml}`,
    env: { ...KEYS, ...env },
  })
  servers = { gRPC: new GrpcClient(gateway.grpc), HTTP: new ConnectClient(gateway.http) }
}

afterEach(async () => {
  for (const server of Object.values(servers)) server.close()
  await gateway.close()
  await upstream.close()
})

const bearer = (credential: string) => ({ metadata: { authorization: `Bearer ${credential}` } })
const by = (name: 'ada' | 'bob' | 'web') => bearer(KEYS[name.toUpperCase() as 'ADA'])
const byToken = async (sub: string) => bearer(await signedToken(SECRET, { sub }))
/** A question of so many tokens. */
const asking = (tokens: number, more: ChatInit = {}): ChatInit =>
  Object.assign({ messages: [{ role: 3, content: 'x'.repeat(4 * tokens) }] }, more)

/** The reasons for which calls of ada are refused, as they come. */
function many(calls: number, server: ServerName, request: ChatInit): (string | undefined)[] {
  const refused: (string | undefined)[] = []
  for (let call = 0; call < calls; call++) {
    void chat(server, request, by('ada')).then(({ error }) => {
      if (error) refused.push(error.reason)
    })
  }
  return refused
}

describe.each(['gRPC', 'HTTP'] as const)('at the %s server', (name) => {
  test.each([
    ['an alias', 'models: { default: { targets: [house/m], limits: { tokens: 10000, window: 1h } } }', ''],
    ['a provider', '', ', limits: { tokens: 10000, window: 1h }'],
  ])('a call of huge max_tokens leaves others their half of the limit of %s', async (_, yaml, provider) => {
    await start(silence, yaml, provider)
    const huge = chat(servers[name], { maxTokens: 2_000_000_000 }, by('ada'))
    await eventually(() => expect(upstream.hits).toHaveLength(1))
    upstream.answer(answers('fine'))
    const { value } = await chat(servers[name], { maxTokens: 100 }, by('bob'))
    expect(value?.message?.content).toBe('fine')
    const streamed = await streamChat(servers[name], { maxTokens: 100 }, by('bob'))
    expect(streamed.text).toBe('fine')
    await gateway.close()
    expect((await huge).error).toBeDefined()
  })

  test('no more is reserved than the model can answer, where that is known', async () => {
    const known = 'prices: { house/m: { input: 0, output: 0, context_window: 4096 } }'
    await start(silence, `limits: { caller: { tokens: 10000, window: 1h } }\n${known}`)
    const huge = chat(servers[name], { maxTokens: 2_000_000_000 }, by('ada'))
    await eventually(() => expect(upstream.hits).toHaveLength(1))
    upstream.answer(answers('fine'))
    expect((await chat(servers[name], { maxTokens: 5_000 }, by('ada'))).value?.message?.content).toBe('fine')
    await gateway.close()
    expect((await huge).error).toBeDefined()
  })

  test('however many calls of one caller run, others get their half of the limit', async () => {
    await start(silence, 'models: { default: { targets: [house/m], limits: { tokens: 10000, window: 1h } } }')
    const refused = many(20, servers[name], { maxTokens: 1_900 })
    await eventually(() => expect(refused).toEqual(Array(15).fill('RATE_LIMITED')))
    await eventually(() => expect(upstream.hits).toHaveLength(5))
    upstream.answer(answers('fine'))
    expect((await chat(servers[name], { maxTokens: 4_000 }, by('bob'))).value?.message?.content).toBe('fine')
  })

  test.each([
    ['', ''],
    [', through the cache', 'cache: { enabled: true }'],
  ])('a caller that leaves before the first event has used its prompt%s', async (_, cache) => {
    await start(silence, `limits: { caller: { tokens: 30000, window: 1h } }\n${cache}`)
    const leave = new AbortController()
    const left = streamChat(servers[name], asking(25_000), { ...by('ada'), signal: leave.signal })
    await eventually(() => expect(upstream.hits).toHaveLength(1))
    leave.abort()
    expect((await left).error?.code).toBe('CANCELLED')
    await upstream.hits[0]?.closed
    const next = await chat(servers[name], asking(25_000), by('ada'))
    expect(next.error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'RATE_LIMITED' })
    expect(upstream.hits).toHaveLength(1)
    upstream.answer(answers('fine'))
    expect((await chat(servers[name], asking(25_000), by('bob'))).value?.message?.content).toBe('fine')
  })

  test('when the queue is full, the caller that waits most loses its newest call', async () => {
    const { reply, release } = held(answers('fine'))
    await start(reply, '', ', max_concurrent: 1, max_queue: 6')
    const refused = many(30, servers[name], {})
    // One runs and six wait.
    await eventually(() => expect(refused).toEqual(Array(23).fill('CONCURRENCY_LIMITED')))
    const others = [1, 2, 3].map(() => chat(servers[name], {}, by('bob')))
    await eventually(() => expect(refused).toEqual(Array(26).fill('CONCURRENCY_LIMITED')))
    release()
    expect((await Promise.all(others)).map(({ error }) => error?.reason)).toEqual([undefined, undefined, undefined])
  })

  test('one caller’s questions do not put the answers of others out of the cache', async () => {
    await start(answers('fine'), 'cache: { enabled: true, max_entries: 20 }')
    const question = (text: string): ChatInit => ({ messages: [{ role: 3, content: text }] })
    for (let index = 0; index < 5; index++) await chat(servers[name], question(`bob ${index}`), by('bob'))
    for (let index = 0; index < 60; index++) await chat(servers[name], question(`ada ${index}`), by('ada'))
    for (let index = 0; index < 5; index++) {
      expect((await chat(servers[name], question(`bob ${index}`), by('bob'))).value?.route?.cached).toBe(true)
    }
    const page = await (await fetch(gateway.metrics)).text()
    expect(page).toMatch(/^llm_gateway_cache_entries 20$/m)
  })

  test('a token named as an API key is another caller, with limits and answers of its own', async () => {
    await start(answers('fine'), 'limits: { caller: { requests: 2, window: 1h } }\ncache: { enabled: true }')
    await chat(servers[name], {}, by('web'))
    expect((await chat(servers[name], {}, by('web'))).value?.route?.cached).toBe(true)
    expect((await chat(servers[name], {}, by('web'))).error?.reason).toBe('RATE_LIMITED')
    const { value } = await chat(servers[name], {}, await byToken('web'))
    expect(value?.route?.cached).toBe(false)
  })

  test('users of callers whose joined names are alike have limits of their own', async () => {
    await start(answers('fine'), 'limits: { user: { requests: 1, window: 1h } }')
    const one = await chat(servers[name], { userId: 'alice/7' }, await byToken('team'))
    const other = await chat(servers[name], { userId: '7' }, await byToken('team/alice'))
    const again = await chat(servers[name], { userId: '7' }, await byToken('team/alice'))
    expect([one, other, again].map(({ error }) => error?.reason)).toEqual([undefined, undefined, 'RATE_LIMITED'])
  })
})
