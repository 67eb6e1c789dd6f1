import { SignJWT } from 'jose'
import { afterEach, describe, expect, test } from 'vitest'
import { LlmGateway } from '../../../src/domain/types.ts'
import { type CallOptions, chat, embed, type ServerName, streamChat } from '../../support/client.ts'
import { ConnectClient } from '../../support/connect-client.ts'
import { eventually } from '../../support/eventually.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { answers, json, silence, startUpstream, type UpstreamServer } from '../../support/upstream-server.ts'

/* How much callers may ask for, and of what. */

const WEB_KEY = 'web-key-0123456789abcdef'
const OPS_KEY = 'ops-key-0123456789abcdef'
const SECRET = 'a secret of at least thirty-two bytes'

let gateway: RunningGateway
let upstream: UpstreamServer
let servers: Record<'gRPC' | 'HTTP', ServerName>

async function start(yaml: string, env: Record<string, string> = {}) {
  upstream = await startUpstream(answers('ok'))
  gateway = await startGateway({
    yaml: `
providers:
  house: { kind: local, base_url: "${upstream.url}", default_model: m }
  spare: { kind: simulator }
${yaml}`,
    env: { WEB_KEY, OPS_KEY, JWT_SECRET: '', ...env },
  })
  servers = { gRPC: new GrpcClient(gateway.grpc), HTTP: new ConnectClient(gateway.http) }
}

afterEach(async () => {
  for (const server of Object.values(servers)) server.close()
  await gateway.close()
  await upstream.close()
})

const bearer = (credential: string) => ({ authorization: `Bearer ${credential}` })
const KEYS = `
auth:
  keys:
    - { name: web, key: "$\{WEB_KEY}" }
    - { name: ops, key: "$\{OPS_KEY}", limits: { requests: 3 } }`

/** Options that gather what the trailers tell of the limit. */
function reported(options: CallOptions = {}) {
  const seen: (string | undefined)[][] = []
  const onTrailers: CallOptions['onTrailers'] = (get) =>
    seen.push(['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset'].map(get))
  return { seen, options: { ...options, onTrailers } }
}

test('RATE_LIMIT_MAX_REQUESTS and RATE_LIMIT_WINDOW_MS hold for each caller, at both doors together', async () => {
  await start('', { RATE_LIMIT_MAX_REQUESTS: '4', RATE_LIMIT_WINDOW_MS: '3600000' })
  const { seen, options } = reported()
  expect((await chat(servers.gRPC, {}, options)).value?.message?.content).toBe('ok')
  expect((await streamChat(servers.gRPC, {}, options)).text).toBe('ok')
  expect((await chat(servers.HTTP, {}, options)).value?.message?.content).toBe('ok')
  expect((await streamChat(servers.HTTP, {}, options)).text).toBe('ok')
  const refused = [
    await chat(servers.gRPC, {}, options),
    await streamChat(servers.gRPC, {}, options),
    await embed(servers.gRPC, {}, options),
    await chat(servers.HTTP, {}, options),
    await streamChat(servers.HTTP, {}, options),
  ]
  for (const { error } of refused) {
    expect(error).toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'RATE_LIMITED',
      metadata: { origin: 'policy' },
      quota: ['caller:127.0.0.1: 4 requests in 3600 s'],
    })
    expect(error?.retryAfter).toBeGreaterThan(3_000_000)
    expect(error?.retryAfter).toBeLessThanOrEqual(3_600_000)
    expect(Number(error?.pushback)).toBeGreaterThan(3_000_000)
  }
  expect(upstream.hits).toHaveLength(4)
  expect(seen.map(([limit, remaining]) => `${remaining}/${limit}`)).toEqual([
    ...['3/4', '2/4', '1/4', '0/4'],
    ...Array(5).fill('0/4'),
  ])
  for (const [, , reset] of seen) expect(Number(reset)).toBeGreaterThan(3_000)
})

test('each key has its own limit, and its own may be another', async () => {
  await start(`${KEYS}\nlimits: { caller: { requests: 2 } }`)
  const callsOf = (key: string) =>
    Promise.all(Array.from({ length: 5 }, () => chat(servers.gRPC, {}, { metadata: bearer(key) })))
  const through = async (key: string) => (await callsOf(key)).filter(({ error }) => !error).length
  expect([await through(WEB_KEY), await through(OPS_KEY)]).toEqual([2, 3])
})

test('users, aliases and addresses have limits of their own', async () => {
  await start(`${KEYS}
models: { named: { targets: [house/m], limits: { requests: 1 } } }
limits: { user: { requests: 2 }, address: { requests: 6 } }`)
  const ask = async (key: string, userId: string, model = '') =>
    (await chat(servers.gRPC, { userId, model }, { metadata: bearer(key) })).error?.quota[0]
  expect([await ask(WEB_KEY, 'a'), await ask(WEB_KEY, 'a'), await ask(WEB_KEY, 'a')]).toEqual([
    undefined,
    undefined,
    'user:web/a: 2 requests in 60 s',
  ])
  expect(await ask(OPS_KEY, 'a')).toBeUndefined()
  expect([await ask(WEB_KEY, 'b', 'named'), await ask(WEB_KEY, 'b', 'named')]).toEqual([
    undefined,
    'alias:named: 1 requests in 60 s',
  ])
  expect([await ask(WEB_KEY, ''), await ask(WEB_KEY, ''), await ask(WEB_KEY, '')]).toEqual([
    undefined,
    undefined,
    'address:127.0.0.1: 6 requests in 60 s',
  ])
})

test('tokens are reserved by their estimate and counted by what the vendor reports', async () => {
  await start('limits: { caller: { tokens: 1000 } }')
  const { seen, options } = reported()
  const ask = (maxTokens: number) => chat(servers.gRPC, { maxTokens }, options)
  // 900 are reserved, and 7 are used.
  for (let call = 0; call < 3; call++) expect((await ask(900)).error).toBeUndefined()
  expect(seen.map(([, remaining]) => remaining)).toEqual(['99', '92', '85'])
  upstream.answer(silence)
  const controller = new AbortController()
  const pending = chat(servers.gRPC, { maxTokens: 900 }, { signal: controller.signal })
  await upstream.nextHit()
  expect((await ask(900)).error).toMatchObject({ quota: ['caller:127.0.0.1: 1000 tokens in 60 s'] })
  controller.abort()
  await pending
  upstream.answer(answers('ok'))
  // It has used nothing.
  await eventually(async () => expect((await ask(900)).error).toBeUndefined())
})

test('calls at once are bounded, and a caller that leaves makes room', async () => {
  await start('limits: { caller: { concurrent: 2 } }')
  upstream.answer(silence)
  const controller = new AbortController()
  const held = [1, 2].map(() => streamChat(servers.gRPC, {}, { signal: controller.signal }))
  await eventually(() => expect(upstream.hits).toHaveLength(2))
  const { error } = await chat(servers.gRPC, {})
  expect(error).toMatchObject({
    reason: 'RATE_LIMITED',
    quota: ['caller:127.0.0.1: 2 calls at once'],
    retryAfter: 1_000,
  })
  controller.abort()
  await Promise.all(held)
  upstream.answer(answers('ok'))
  await eventually(async () => expect((await chat(servers.gRPC, {})).error).toBeUndefined())
})

describe('a full provider', () => {
  const FALLBACK = 'models: { both: { targets: [house/m, spare/echo] } }'

  test('is passed over, and the next target answers', async () => {
    await start(FALLBACK, { LLM_RATE_LIMIT_MAX_REQUESTS: '2', LLM_RATE_LIMIT_WINDOW_MS: '3600000' })
    const routes = []
    for (let call = 0; call < 4; call++) routes.push((await chat(servers.gRPC, { model: 'both' })).value?.route)
    expect(routes.map((route) => route?.provider)).toEqual(['house', 'house', 'spare', 'spare'])
    expect(routes[2]?.attempts).toMatchObject([
      { provider: 'house', reason: 'RATE_LIMITED' },
      { provider: 'spare', reason: '' },
    ])
    const { error } = await chat(servers.gRPC, { model: 'both' })
    expect(error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'RATE_LIMITED' })
    expect(error?.quota).toEqual(['provider:house: 2 requests in 3600 s'])
    expect(error?.retryAfter).toBeGreaterThan(3_000_000)
  })

  test('may have a limit of its own', async () => {
    await start(`${FALLBACK}\nlimits: { provider: { requests: 1, window: 1h } }`)
    await chat(servers.gRPC, { provider: 'house' })
    const { error } = await chat(servers.gRPC, { provider: 'house' })
    expect(error).toMatchObject({ reason: 'RATE_LIMITED', metadata: { provider: 'house', target: 'house/m' } })
    expect((await chat(servers.gRPC, { provider: 'spare' })).error).toBeUndefined()
  })

  test('has counted each request of a call that needs several', async () => {
    await start('limits: { provider: { requests: 3, concurrent: 2, tokens: 1000000, window: 1h } }')
    upstream.answer((exchange) => {
      const { input } = exchange.hit.json
      const inputs = Array.isArray(input) ? input : []
      json({ data: inputs.map((_, index) => ({ index, embedding: [1] })) })(exchange)
    })
    const { value } = await embed(servers.gRPC, { model: 'house/m', inputs: Array(300).fill('a') })
    expect(value?.embeddings).toHaveLength(300)
    expect(upstream.hits.filter(({ body }) => body !== '')).toHaveLength(2)
    expect((await embed(servers.gRPC, { model: 'house/m' })).error).toBeUndefined()
    const { error } = await embed(servers.gRPC, { model: 'house/m' })
    expect(error?.quota).toEqual(['provider:house: 3 requests in 3600 s'])
  })
})

test('in shadow mode everything is counted and nobody refused', async () => {
  await start('limits: { caller: { requests: 1 }, provider: { requests: 1 }, shadow: true }')
  const { seen, options } = reported()
  for (let call = 0; call < 3; call++) expect((await chat(servers.gRPC, {}, options)).error).toBeUndefined()
  expect(seen.map(([, remaining]) => remaining)).toEqual(['0', '0', '0'])
  const page = await (await fetch(gateway.metrics)).text()
  for (const scope of ['caller', 'provider']) {
    const series = `llm_gateway_limits_reached_total{scope="${scope}",limit="requests",enforced="false"}`
    expect(page).toMatch(new RegExp(`^${series.replaceAll(/[{}]/g, '\\$&')} 2$`, 'm'))
  }
})

describe.each(['gRPC', 'HTTP'] as const)('who may use some models only, at the %s door', (name) => {
  const AUTH = `
auth:
  jwt: { secret: "$\{JWT_SECRET}" }
  keys: [{ name: web, key: "$\{WEB_KEY}", models: [named, "spare/sim-*", "spare/echo"] }]
models:
  named: { targets: [house/m] }
  mixed: { targets: [house/m, spare/echo] }
  other: { targets: [house/m] }`
  const metadata = bearer(WEB_KEY)
  const ask = (model: string, more = {}) => chat(servers[name], { model, ...more }, { metadata })

  test('is answered by those, and refused all others', async () => {
    await start(AUTH, { JWT_SECRET: SECRET })
    expect((await ask('named')).value?.route?.provider).toBe('house')
    expect((await ask('spare/echo')).value?.route?.provider).toBe('spare')
    expect((await ask('mixed')).value?.route?.provider, 'of an alias the targets that may be used').toBe('spare')
    const attempts = upstream.hits.length
    const refused = [
      await ask('house/m'),
      await ask('m'),
      await ask('other'),
      await ask('', { provider: 'house' }),
      await ask('house/m', { fallbackModels: ['spare/echo'] }),
      await streamChat(servers[name], { model: 'house/m' }, { metadata }),
      await embed(servers[name], { model: 'house/m' }, { metadata }),
    ]
    for (const { error } of refused) {
      expect(error).toMatchObject({ code: 'PERMISSION_DENIED', reason: 'MODEL_NOT_ALLOWED' })
    }
    expect(refused[0]?.error?.message).toContain('"house/m"')
    expect(upstream.hits).toHaveLength(attempts)
    const listed = await servers[name].unary(LlmGateway.method.listModels, {}, { metadata })
    expect(listed.value?.aliases.map((alias) => alias.name)).toEqual(['mixed', 'named'])
    expect(new Set(listed.value?.models.map(({ provider }) => provider))).toEqual(new Set(['spare']))
  })

  test('by the claims of a token', async () => {
    await start(AUTH, { JWT_SECRET: SECRET })
    const token = (claims: object) =>
      new SignJWT({ sub: 'alice', ...claims })
        .setProtectedHeader({ alg: 'HS256' })
        .setExpirationTime('1h')
        .sign(Buffer.from(SECRET))
    const askWith = async (claims: object, model: string) =>
      (await chat(servers[name], { model }, { metadata: bearer(await token(claims)) })).error?.reason
    expect(await askWith({}, 'house/m')).toBeUndefined()
    expect(await askWith({ models: ['spare/*'] }, 'house/m')).toBe('MODEL_NOT_ALLOWED')
    expect(await askWith({ models: ['spare/*'] }, 'spare/echo')).toBeUndefined()
    expect(await askWith({ models: [] }, 'spare/echo')).toBe('MODEL_NOT_ALLOWED')
    for (const claims of [{ models: 'spare/*' }, { models: [1] }, { limits: [] }, { limits: { requests: 0 } }]) {
      expect(await askWith(claims, 'spare/echo'), JSON.stringify(claims)).toBe('UNAUTHENTICATED')
    }
    const limited = { sub: 'bob', limits: { requests: 2, window: 3600 } }
    const reasons = [await askWith(limited, 'm'), await askWith(limited, 'm'), await askWith(limited, 'm')]
    expect(reasons).toEqual([undefined, undefined, 'RATE_LIMITED'])
  })
})
