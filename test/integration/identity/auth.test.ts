import { generateKeyPairSync } from 'node:crypto'
import { type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HealthCheckService, LlmGateway, LlmGatewayAdmin, ServingStatus } from '../../../src/domain/types.ts'
import { chat, embed, type ServerName, streamChat } from '../../support/client.ts'
import { ConnectClient } from '../../support/connect-client.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { answers, startUpstream, type UpstreamServer } from '../../support/upstream-server.ts'

/* Who may call, at both doors. */

const WEB_KEY = 'web-key-0123456789abcdef'
const OPS_KEY = 'ops-key-0123456789abcdef'
const SECRET = 'a secret of at least thirty-two bytes'
const ISSUER = 'https://issuer.example'
const REFUSAL = 'A valid API key or token is required. Send it as "authorization: Bearer <credential>".'

let gateway: RunningGateway
let upstream: UpstreamServer
let servers: Record<'gRPC' | 'HTTP', ServerName>

beforeAll(async () => {
  upstream = await startUpstream(answers('ok'))
  gateway = await startGateway({
    yaml: `
      auth:
        keys: [{ name: web, key: "$\{WEB_KEY}" }, { name: ops, key: "$\{OPS_KEY}", admin: true }]
        jwt: { secret: "$\{JWT_SECRET}", issuer: "${ISSUER}", audience: gateway }
      providers: { house: { kind: local, base_url: "${upstream.url}", default_model: m } }
    `,
    env: { WEB_KEY, OPS_KEY, JWT_SECRET: SECRET },
  })
  servers = { gRPC: new GrpcClient(gateway.grpc), HTTP: new ConnectClient(gateway.http) }
})

afterAll(async () => {
  for (const server of Object.values(servers)) server.close()
  await gateway.close()
  await upstream.close()
})

const now = () => Math.floor(Date.now() / 1000)
const claims = (more: JWTPayload = {}): JWTPayload => ({
  sub: 'alice',
  iss: ISSUER,
  aud: 'gateway',
  exp: now() + 60,
  ...more,
})

function token(payload: JWTPayload, secret = SECRET): Promise<string> {
  return new SignJWT(payload).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(secret))
}

function asymmetricToken(): Promise<string> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return new SignJWT(claims()).setProtectedHeader({ alg: 'RS256' }).sign(privateKey)
}

const bearer = (credential: string) => ({ authorization: `Bearer ${credential}` })

describe.each(['gRPC', 'HTTP'] as const)('at the %s door', (name) => {
  test.each<[string, () => Promise<Record<string, string>>]>([
    ['an API key', async () => bearer(WEB_KEY)],
    ['an API key with the scheme in lower case', async () => ({ authorization: `bearer ${WEB_KEY}` })],
    ['an API key in x-api-key', async () => ({ 'x-api-key': WEB_KEY })],
    ['a token', async () => bearer(await token(claims()))],
    ['a token that expired within the leeway', async () => bearer(await token(claims({ exp: now() - 10 })))],
  ])('%s is let in', async (_, credential) => {
    const { value } = await chat(servers[name], {}, { metadata: await credential() })
    expect(value?.message?.content).toBe('ok')
  })

  test.each<[string, () => Promise<Record<string, string>>]>([
    ['no credential', async () => ({})],
    ['an unknown key', async () => bearer(`${WEB_KEY}x`)],
    ['no key after the scheme', async () => ({ authorization: 'Bearer ' })],
    ['another scheme', async () => ({ authorization: `Basic ${WEB_KEY}` })],
    ['a huge credential', async () => bearer('x'.repeat(9000))],
    ['an expired token', async () => bearer(await token(claims({ exp: now() - 60 })))],
    ['a token of tomorrow', async () => bearer(await token(claims({ nbf: now() + 3600 })))],
    ['a token without an end', async () => bearer(await token({ sub: 'alice', iss: ISSUER, aud: 'gateway' }))],
    ['a token for another audience', async () => bearer(await token(claims({ aud: 'elsewhere' })))],
    ['a token of another issuer', async () => bearer(await token(claims({ iss: 'https://evil.example' })))],
    ['a token signed with another secret', async () => bearer(await token(claims(), `another ${SECRET}`))],
    ['an unsigned token', async () => bearer(new UnsecuredJWT(claims()).encode())],
    ['a token signed with a private key', async () => bearer(await asymmetricToken())],
  ])('%s is refused in the same words, before anything else is looked at', async (_, credential) => {
    upstream.hits.length = 0
    const metadata = await credential()
    // At once: refused credentials of one address are answered later and later.
    const refusals = await Promise.all([
      chat(servers[name], { model: 'unknown', temperature: 9 }, { metadata }),
      streamChat(servers[name], {}, { metadata }),
      embed(servers[name], {}, { metadata }),
      servers[name].unary(LlmGateway.method.listModels, {}, { metadata }),
      servers[name].unary(LlmGateway.method.stats, {}, { metadata }),
      servers[name].unary(LlmGatewayAdmin.method.listProviders, {}, { metadata }),
    ])
    for (const { error } of refusals) {
      expect(error).toMatchObject({ code: 'UNAUTHENTICATED', reason: 'UNAUTHENTICATED', message: REFUSAL, fields: [] })
      expect(error?.metadata).toEqual({ origin: 'caller' })
    }
    expect(upstream.hits).toEqual([])
  })

  test.each<[string, () => Promise<string>, string | undefined]>([
    ['a key without the admin flag', async () => WEB_KEY, 'PERMISSION_DENIED'],
    ['a token without the admin claim', () => token(claims()), 'PERMISSION_DENIED'],
    ['a key with the admin flag', async () => OPS_KEY, undefined],
    ['a token with the admin claim', () => token(claims({ admin: true })), undefined],
    ['a token with the admin scope', () => token(claims({ scope: 'read admin' })), undefined],
  ])('%s asks for what is for admins', async (_, credential, code) => {
    const metadata = bearer(await credential())
    const listed = await servers[name].unary(LlmGatewayAdmin.method.listProviders, {}, { metadata })
    const tested = await servers[name].unary(LlmGatewayAdmin.method.testProvider, { provider: 'house' }, { metadata })
    expect([listed.error?.code, tested.error?.code]).toEqual([code, code])
    if (code === undefined) {
      expect(listed.value?.providers).toMatchObject([{ name: 'house', kind: 'local' }])
      expect(tested.value?.ok).toBe(true)
    } else expect(listed.error?.reason).toBe('ADMIN_REQUIRED')
  })

  test('health needs no credential', async () => {
    const standard = await servers[name].unary(HealthCheckService.method.check, { service: '' })
    expect(standard.value?.status).toBe(ServingStatus.SERVING)
    const own = await servers[name].unary(LlmGateway.method.health, {})
    expect(own.error).toBeUndefined()
  })
})

test('the log names callers, and holds no credential of theirs', async () => {
  await chat(servers.gRPC, {}, { metadata: bearer(WEB_KEY) })
  await gateway.logged(({ caller }) => caller === 'web')
  await gateway.logged(({ caller }) => caller === 'alice')
  for (const secret of [WEB_KEY, OPS_KEY, SECRET, 'eyJ']) expect(gateway.output()).not.toContain(secret)
})
