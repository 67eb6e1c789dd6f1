import { afterAll, beforeAll, expect, test } from 'vitest'
import { LlmGateway, LlmGatewayAdmin, Role } from '../../../src/domain/types.ts'
import { type CallError, chat, embed, type ServerName, streamChat } from '../../support/client.ts'
import { ConnectClient } from '../../support/connect-client.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import {
  answers,
  beginThen,
  bytesThenFin,
  delta,
  failure,
  frame,
  json,
  type Reply,
  startUpstream,
  stream,
  type UpstreamServer,
} from '../../support/upstream-server.ts'

/* Nothing that is secret leaves the gateway but to where it belongs: no key, no prompt, no vendor's body. */

const CANARIES = {
  providerKey: 'sk-canary-provider-0123456789',
  providerHeader: 'canary-header-0123456789',
  callerKey: 'canary-caller-0123456789abcdef',
  jwtSecret: 'canary-secret-0123456789abcdef0123456789',
  prompt: 'canary-prompt',
  body: 'canary-body',
}
const PROMPT = `${CANARIES.prompt}\n{"level":"error","message":"forged"}\r\n\u001b[31m%0a\u2028`

let gateway: RunningGateway
let upstream: UpstreamServer
let collector: UpstreamServer
let servers: readonly ServerName[]
const errors: CallError[] = []

beforeAll(async () => {
  upstream = await startUpstream()
  collector = await startUpstream(json({}))
  gateway = await startGateway({
    yaml: `
      auth:
        keys: [{ name: web, key: "$\{CALLER_KEY}", admin: true }]
        jwt: { secret: "$\{JWT_SECRET}" }
      telemetry: { otlp_endpoint: "${collector.url}", log_level: debug }
      providers:
        house:
          kind: openai
          base_url: "${upstream.url}/v1"
          keys: ["$\{PROVIDER_KEY}"]
          headers: { X-Token: "$\{PROVIDER_HEADER}" }
      models: { twice: { targets: [house/m, house/other] } }
    `,
    env: {
      PROVIDER_KEY: CANARIES.providerKey,
      PROVIDER_HEADER: CANARIES.providerHeader,
      CALLER_KEY: CANARIES.callerKey,
      JWT_SECRET: CANARIES.jwtSecret,
    },
  })
  servers = [new GrpcClient(gateway.grpc), new ConnectClient(gateway.http)]
})

afterAll(async () => {
  for (const server of servers) server.close()
  await gateway.close()
  await upstream.close()
  await collector.close()
})

const ECHO = `${CANARIES.body}: Bearer ${CANARIES.providerKey} ${CANARIES.providerHeader} ${PROMPT} https://a/?key=${CANARIES.providerKey}`
const echo = { message: ECHO, type: ECHO, code: ECHO, param: ECHO }

/** Replies that say everything that they know. */
const REPLIES: readonly Reply[] = [
  ...[400, 401, 403, 404, 413, 429, 500, 503].map((status) => failure(status, echo)),
  json(ECHO, 502, { 'content-type': 'text/html', 'x-request-id': ECHO.replace(/[^\x20-\x7e]/g, ' ') }),
  json(ECHO, 307, { location: `https://elsewhere.example/?key=${CANARIES.providerKey}` }),
  json(ECHO),
  json({ error: echo }),
  json({ choices: [{ message: { tool_calls: ECHO } }], error: ECHO }),
  stream(frame({ error: echo })),
  stream(delta('one '), frame({ error: echo })),
  stream(delta('one '), frame(ECHO.replaceAll(/\s/g, ' '))),
  beginThen([delta('one ')], ({ socket }) => socket.resetAndDestroy()),
  bytesThenFin(`${ECHO}\r\n\r\n`),
  bytesThenFin(`HTTP/1.1 200 OK\r\n${ECHO}\r\n\r\n`),
]

test('calls of every sort reach the vendor with its key and the prompt', async () => {
  const metadata = { authorization: `Bearer ${CANARIES.callerKey}` }
  const messages = [{ role: Role.USER, content: PROMPT }]
  for (const server of servers) {
    for (const reply of [answers('fine'), ...REPLIES]) {
      upstream.answer(reply)
      const ended = [
        await chat(server, { model: 'twice', messages }, { metadata }),
        await streamChat(server, { model: 'house/m', messages }, { metadata }),
        await embed(server, { model: 'house/m', inputs: [PROMPT] }, { metadata }),
        await server.unary(LlmGatewayAdmin.method.testProvider, { provider: 'house', model: 'm' }, { metadata }),
        await server.unary(LlmGateway.method.listModels, {}, { metadata }),
        await chat(server, { model: 'nobody\n{"forged":true}', messages }, { metadata }),
        await chat(server, { model: 'house/m' }, { metadata: { authorization: `Bearer ${CANARIES.jwtSecret}` } }),
      ]
      for (const { error } of ended) if (error) errors.push(error)
    }
  }
  const sent = upstream.hits.find(({ body }) => body.includes(CANARIES.prompt))
  expect(sent?.headers).toMatchObject({
    authorization: `Bearer ${CANARIES.providerKey}`,
    'x-token': CANARIES.providerHeader,
  })
  // What belongs to the caller stays here.
  expect(JSON.stringify(upstream.hits)).not.toContain(CANARIES.callerKey)
})

function textOf(value: unknown): string {
  return JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? `${inner}` : inner)) ?? ''
}

function expectNoCanary(text: string): void {
  for (const [name, canary] of Object.entries(CANARIES)) {
    expect(text.includes(canary), `${name} in ${text.slice(0, 2000)}`).toBe(false)
  }
}

test('no error tells a secret, the prompt or the words of the vendor', () => {
  expect(errors.length).toBeGreaterThan(100)
  for (const error of errors) expectNoCanary(textOf(error))
})

test('no metric, no statistic and no state of health tells them', async () => {
  const page = await (await fetch(gateway.metrics)).text()
  expect(page).toContain('provider="house"')
  expectNoCanary(page)
  const metadata = { authorization: `Bearer ${CANARIES.callerKey}` }
  for (const server of servers) {
    const stats = await server.unary(LlmGateway.method.stats, {}, { metadata })
    const health = await server.unary(LlmGateway.method.health, {}, { metadata })
    expect(health.value?.providers[0]?.message).toMatch(/./)
    expectNoCanary(textOf(stats) + textOf(health))
  }
})

test('no span tells them', async () => {
  if (collector.hits.length === 0) await collector.nextHit()
  const spans = textOf(collector.hits)
  expect(spans).toContain('gen_ai.request.model')
  expectNoCanary(spans)
})

/** Lines that may hold the words of a vendor, and so the prompt that it repeats. */
const isVendorsWords = (line: string) => line.includes('"level":"debug"') && line.includes('"message":"attempt failed"')

test('the words of a vendor are in the log at debug, without a key', () => {
  const lines = gateway.output().split('\n').filter(isVendorsWords)
  const [first] = lines.filter((line) => line.includes('"upstream_status":400'))
  expect(JSON.parse(first ?? '{}')).toMatchObject({
    level: 'debug',
    provider: 'house',
    reason: expect.stringMatching(/./),
    upstream_code: 'other',
    upstream_message: expect.stringContaining(CANARIES.body),
  })
  const { providerKey, providerHeader, callerKey, jwtSecret } = CANARIES
  for (const secret of [providerKey, providerHeader, callerKey, jwtSecret]) expect(lines.join()).not.toContain(secret)
})

test('the log tells none of them above debug, and a prompt forges no line of it', async () => {
  const server = servers[0]
  const huge = [{ role: Role.USER, content: `${PROMPT}${'x'.repeat(1 << 20)}` }]
  const metadata = { authorization: `Bearer ${CANARIES.callerKey}` }
  upstream.answer(answers('fine'))
  const userId = 'line\n{"forged":true}\u001b[31m'
  if (server) await chat(server, { model: 'house/m', messages: huge, userId }, { metadata })
  await gateway.logged(({ user_id }) => user_id === userId)
  const lines = gateway.output().split('\n')
  for (const line of lines) {
    if (!isVendorsWords(line)) expectNoCanary(line)
    expect(() => JSON.parse(line), line).not.toThrow()
    expect(line.length).toBeLessThan(10_000)
    expect(JSON.parse(line)).not.toHaveProperty('forged')
  }
  expect(gateway.output()).not.toContain('\u001b')
})
