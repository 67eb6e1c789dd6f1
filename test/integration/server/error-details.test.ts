import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LlmGateway } from '../../../src/domain/types.ts'
import { type CallError, chat, embed, type ServerName, streamChat } from '../../support/client.ts'
import { ConnectClient } from '../../support/connect-client.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import {
  answers,
  begin,
  delta,
  failure,
  json,
  startUpstream,
  stream,
  type UpstreamServer,
} from '../../support/upstream-server.ts'

/* What an error tells beside its code, and how large an error or an answer may be. */

let gateway: RunningGateway
let upstream: UpstreamServer
let grpc: GrpcClient
let http: ConnectClient

beforeAll(async () => {
  upstream = await startUpstream()
  gateway = await startGateway({
    yaml: `
      server: { max_send_bytes: 64KiB, max_receive_bytes: 128KiB, max_attempts: 17 }
      providers:
        house: { kind: openai, base_url: "${upstream.url}", keys: ["$\{KEY}"] }
        small-batches: { kind: local, base_url: "${upstream.url}" }
      models: { twice: { targets: [house/m, house/other] } }
    `,
    env: { KEY: 'a-key' },
  })
  grpc = new GrpcClient(gateway.grpc)
  http = new ConnectClient(gateway.http)
})

afterAll(async () => {
  grpc.close()
  await gateway.close()
  await upstream.close()
})

/** What two calls that fail alike must have in common. Throws when the call did not fail. */
function comparable({ error: whole }: { readonly error: CallError | undefined }) {
  if (!whole) throw new Error('the call did not fail')
  const { statusBytes: _, detail, ...error } = whole
  const attempts = detail?.attempts.map(({ latency: _, ...attempt }) => attempt)
  return { ...error, detail: { ...detail, attempts } }
}

test.each<[string, (server: ServerName) => Promise<{ readonly error: CallError | undefined }>]>([
  ['an overload', (server) => chat(server, { model: 'house/m' })],
  ['a fallback that failed', (server) => chat(server, { model: 'twice' })],
  ['a stream that was refused', (server) => streamChat(server, { model: 'house/m' })],
  ['embeddings that were refused', (server) => embed(server, { model: 'house/m' })],
  ['an unknown model', (server) => chat(server, { model: 'unknown/m' })],
  ['a wrong request', (server) => chat(server, { model: 'house/m', temperature: 9, maxTokens: 0 })],
  ['an unknown provider', (server) => server.unary(LlmGateway.method.listModels, { provider: 'unknown' })],
])('%s is reported alike by both servers', async (_, call) => {
  upstream.answer(failure(503, { code: 'server_is_overloaded' }, { 'retry-after': '7', 'x-request-id': 'req_1' }))
  const [one, other] = [await call(grpc), await call(http)]
  expect(comparable(other)).toEqual(comparable(one))
})

test('a stream that broke off is reported alike by both servers', async () => {
  upstream.answer(stream(delta('one '), delta('two ')))
  const [one, other] = [await streamChat(grpc, { model: 'house/m' }), await streamChat(http, { model: 'house/m' })]
  expect([one.text, other.text]).toEqual(['one two ', 'one two '])
  expect(one.error?.reason).toBe('UPSTREAM_STREAM_TRUNCATED')
  expect(comparable(other)).toEqual(comparable(one))
})

describe('an error is small enough for every client', () => {
  test('when the vendor sends a long one', async () => {
    const long = 'x'.repeat(64 << 10)
    const error = { message: long, code: long, type: long, param: `messages[0].${long}` }
    upstream.answer(failure(400, error, { 'x-request-id': 'r'.repeat(8000) }))
    const { error: reported } = await chat(grpc, { model: 'house/m' })
    expect(reported).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'UPSTREAM_INVALID_REQUEST' })
    expect(reported?.statusBytes).toBeLessThanOrEqual(4096)
  })

  test('when many targets with long names fail', async () => {
    upstream.answer(failure(502))
    const fallbackModels = Array.from({ length: 16 }, (_, index) => `house/${'long'.repeat(55)}-${index}`)
    const { error } = await chat(grpc, { model: 'house/m', fallbackModels })
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'UPSTREAM_GATEWAY', metadata: { attempts: '17' } })
    expect(error?.statusBytes).toBeLessThanOrEqual(4096)
    expect(Buffer.byteLength(error?.message ?? '')).toBeLessThanOrEqual(2000)
  })
})

const vectors = (count: number, length: number) =>
  json({
    data: Array.from({ length: count }, (_, index) => ({ index, embedding: Array(length).fill(index) })),
    usage: { prompt_tokens: count, total_tokens: count },
  })

describe.each(['gRPC', 'HTTP'] as const)('at the %s door', (name) => {
  const server = () => (name === 'gRPC' ? grpc : http)

  test('an answer that is larger than may be sent is refused, and what to do is told', async () => {
    upstream.answer(vectors(20, 1000))
    const { error } = await embed(server(), { model: 'house/m', inputs: Array(20).fill('a') })
    expect(error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'RESPONSE_TOO_LARGE' })
    expect(error?.message).toContain('65536')
  })

  test('a piece of a stream that is larger than may be sent ends the stream', async () => {
    upstream.answer(begin(delta('one '), delta('x'.repeat(70_000))))
    const { text, error } = await streamChat(server(), { model: 'house/m' })
    expect(text).toBe('one ')
    expect(error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'RESPONSE_TOO_LARGE' })
    await upstream.hits.at(-1)?.closed
  })

  test('a request that is larger than may be received is refused', async () => {
    upstream.hits.length = 0
    const { error } = await chat(server(), { model: 'house/m', messages: [{ role: 3, content: 'x'.repeat(200_000) }] })
    expect(error?.code).toBe('RESOURCE_EXHAUSTED')
    expect(upstream.hits).toEqual([])
  })
})

test('many inputs are sent in as many requests as the vendor allows, and come back in their order', async () => {
  upstream.hits.length = 0
  upstream.answer((exchange) => {
    const inputs = exchange.hit.json['input']
    const texts = Array.isArray(inputs) ? inputs : []
    json({
      data: texts.map((text, index) => ({ index, embedding: [Number(text)] })).reverse(),
      usage: { prompt_tokens: texts.length, total_tokens: texts.length },
    })(exchange)
  })
  const inputs = Array.from({ length: 600 }, (_, index) => String(index))
  const { value } = await embed(grpc, { model: 'small-batches/m', inputs })
  expect(upstream.hits.length).toBeGreaterThan(1)
  expect(value?.embeddings.map(({ index, values }) => [index, values[0]])).toEqual(inputs.map((_, at) => [at, at]))
  expect(value?.usage).toMatchObject({ input: 600, total: 600, estimated: false })
})

test('one batch that fails ends the others', async () => {
  upstream.hits.length = 0
  upstream.answer(failure(502), answers('never'))
  const { error } = await embed(grpc, { model: 'small-batches/m', inputs: Array(600).fill('a') })
  expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'UPSTREAM_GATEWAY' })
  expect(error?.detail?.attempts).toHaveLength(1)
})
