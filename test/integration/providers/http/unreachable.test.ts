import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AttemptOutcome } from '../../../../src/domain/types.ts'
import { selfSigned } from '../../../support/certificates.ts'
import { chat, embed, streamChat } from '../../../support/client.ts'
import { type RunningGateway, startGateway } from '../../../support/gateway.ts'
import { GrpcClient } from '../../../support/grpc-client.ts'
import { freePort } from '../../../support/ports.ts'
import {
  answers,
  silence,
  startUpstream,
  startUpstreamWith,
  type UpstreamServer,
} from '../../../support/upstream-server.ts'

/* Upstreams that cannot be reached, or that never begin to answer. */

/** In ms: so long that only time that a test lets pass brings it about. */
const FIRST_TOKEN = 60_000

let folder: string
let gateway: RunningGateway
let client: GrpcClient
let good: UpstreamServer
let silent: UpstreamServer
let secure: UpstreamServer[]
let mute: { port: number; server: Server; sockets: Socket[] }

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trusted-'))
  good = await startUpstream(answers('good'))
  silent = await startUpstream(silence)
  const stranger = selfSigned('IP:127.0.0.1')
  const elsewhere = selfSigned('DNS:elsewhere.example')
  const expired = selfSigned('IP:127.0.0.1', -1)
  const right = selfSigned('IP:127.0.0.1')
  const certificates = [stranger, elsewhere, expired, right]
  secure = await Promise.all(certificates.map((tls) => startUpstreamWith({ tls }, answers('encrypted'))))
  const trusted = join(folder, 'trusted.pem')
  writeFileSync(trusted, Buffer.concat([elsewhere.cert, expired.cert, right.cert]))
  mute = await startMute()
  const urls = {
    refusing: `http://127.0.0.1:${await freePort()}`,
    nameless: 'http://no-such-host.invalid',
    'self-signed': secure[0]?.url,
    'wrong-host': secure[1]?.url,
    expired: secure[2]?.url,
    trusted: secure[3]?.url,
    plaintext: good.url.replace('http:', 'https:'),
    mute: `https://127.0.0.1:${mute.port}`,
    silent: silent.url,
    good: good.url,
  }
  // Only where time decides: on a busy machine everything else may take longer.
  const timeouts: Readonly<Record<string, string>> = {
    mute: '{ connect: 300ms }',
    silent: `{ first_token: ${FIRST_TOKEN}ms }`,
  }
  const providers = Object.entries(urls).map(
    ([name, url]) => `  ${name}: { kind: local, base_url: "${url}", timeout: ${timeouts[name] ?? '{ connect: 60s }'} }`,
  )
  const aliases = Object.keys(urls).map((name) => `  ${name}-or-good: { targets: [${name}/m, good/m2] }`)
  gateway = await startGateway({
    movableTime: true,
    yaml: ['providers:', ...providers, 'models:', ...aliases].join('\n'),
    env: { NODE_EXTRA_CA_CERTS: trusted },
  })
  client = new GrpcClient(gateway.grpc)
})

afterAll(async () => {
  client.close()
  await gateway.close()
  for (const socket of mute.sockets) socket.destroy()
  mute.server.close()
  await Promise.all([good, silent, ...secure].map((upstream) => upstream.close()))
  await rm(folder, { recursive: true })
})

/** Accepts connections and says nothing, not even in TLS. */
async function startMute() {
  const sockets: Socket[] = []
  const server = createServer((socket) => sockets.push(socket.on('error', () => {})))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return { server, sockets, port: typeof address === 'object' && address ? address.port : 0 }
}

const WITHOUT_DEADLINE = { deadline: Number.POSITIVE_INFINITY }

const UNREACHABLE = [
  ['nobody listens', 'refusing', 'UPSTREAM_UNREACHABLE', 'ECONNREFUSED'],
  ['its name is not known', 'nameless', 'UPSTREAM_UNREACHABLE', /ENOTFOUND|EAI_AGAIN/],
  ['its connection is not answered', 'mute', 'UPSTREAM_UNREACHABLE', /ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT/],
  ['its certificate is signed by a stranger', 'self-signed', 'UPSTREAM_TLS', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  ['its certificate is for another host', 'wrong-host', 'UPSTREAM_TLS', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['its certificate has expired', 'expired', 'UPSTREAM_TLS', 'CERT_HAS_EXPIRED'],
  ['it speaks no TLS', 'plaintext', 'UPSTREAM_TLS', 'ERR_SSL_WRONG_VERSION_NUMBER'],
] as const

describe.each(UNREACHABLE)('where %s', (_, name, reason, cause) => {
  const mayPass = reason === 'UPSTREAM_UNREACHABLE'

  test('a call fails, and its error names the target', async () => {
    const { error } = await chat(client, { model: `${name}/m` })
    expect(error).toMatchObject({ reason, metadata: { provider: name, target: `${name}/m`, attempts: '1' } })
    expect(error?.code).toBe(mayPass ? 'UNAVAILABLE' : 'FAILED_PRECONDITION')
    expect(error?.message).toMatch(cause)
    expect(error?.retryAfter).toBe(mayPass ? 5000 : undefined)
    expect(error?.detail?.attempts).toMatchObject([{ provider: name, outcome: AttemptOutcome.FAILED, reason }])
    expect(error?.detail?.attempts[0]).not.toHaveProperty('status')
  })

  test('the next target answers', async () => {
    const { value } = await chat(client, { model: `${name}-or-good` })
    expect(value?.message?.content).toBe('good')
    expect(value?.route).toMatchObject({
      provider: 'good',
      fallbackUsed: true,
      attempts: [
        { provider: name, outcome: AttemptOutcome.FAILED, reason },
        { provider: 'good', outcome: AttemptOutcome.OK, reason: '', status: 200 },
      ],
    })
  })
})

test('an upstream is trusted by a certificate that the operator trusts', async () => {
  const { value } = await chat(client, { model: 'trusted/m' })
  expect(value?.message?.content).toBe('encrypted')
})

describe('where the request is taken and no answer begins', () => {
  test('a stream goes to the next target after the time for a first token', async () => {
    const [hit, answer] = [silent.nextHit(), streamChat(client, { model: 'silent-or-good' }, WITHOUT_DEADLINE)]
    const { closed } = await hit
    await gateway.pass(FIRST_TOKEN)
    const { text, error } = await answer
    expect(error).toBeUndefined()
    expect(text).toBe('good')
    await closed
  })

  test('a stream without another target fails, and its error says why', async () => {
    const [hit, answer] = [silent.nextHit(), streamChat(client, { model: 'silent/m' }, WITHOUT_DEADLINE)]
    await hit
    await gateway.pass(FIRST_TOKEN)
    const { text, error } = await answer
    expect(text).toBe('')
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'UPSTREAM_TIMEOUT', metadata: { committed: 'false' } })
  })
})

test('embeddings fail like chats', async () => {
  const { error } = await embed(client, { model: 'refusing/m' })
  expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'UPSTREAM_UNREACHABLE' })
})
