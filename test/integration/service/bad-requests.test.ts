import { once } from 'node:events'
import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from 'node:http2'
import { connect as connectSocket } from 'node:net'
import { create, type JsonObject, toBinary } from '@bufbuild/protobuf'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type ChatRequest, ChatRequestSchema, Role } from '../../../src/domain/types.ts'
import { type ChatInit, chat, embed, streamChat } from '../../support/client.ts'
import { ConnectClient } from '../../support/connect-client.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { answers, startUpstream, type UpstreamServer } from '../../support/upstream-server.ts'

/* Requests that are wrong, or no requests at all: each is refused, reaches no upstream, and harms nobody else. */

let gateway: RunningGateway
let upstream: UpstreamServer
let grpc: GrpcClient
let http: ConnectClient
let session: ClientHttp2Session

beforeAll(async () => {
  upstream = await startUpstream(answers('ok'))
  gateway = await startGateway({
    yaml: `
      server: { max_deadline: 5s }
      providers: { house: { kind: local, base_url: "${upstream.url}", default_model: m } }
    `,
  })
  grpc = new GrpcClient(gateway.grpc)
  http = new ConnectClient(gateway.http)
  session = connect(`http://${gateway.grpc}`)
})

afterAll(async () => {
  session.destroy()
  grpc.close()
  await gateway.close()
  await upstream.close()
})

afterEach(async () => {
  expect(upstream.hits.splice(0)).toEqual([])
  const { value } = await chat(grpc, {})
  expect(value?.message?.content).toBe('ok')
  upstream.hits.length = 0
})

const OK = '0'
const INVALID_ARGUMENT = '3'
const RESOURCE_EXHAUSTED = '8'
const UNIMPLEMENTED = '12'
const PATH = '/llmgateway.v1.LlmGateway/Chat'

/** A request as bytes, for what no client would send. Tells the status, or how the stream was cut. */
async function send(body: Buffer, headers: OutgoingHttpHeaders = {}): Promise<string> {
  const stream = session.request({
    ':method': 'POST',
    ':path': PATH,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  })
  let status = ''
  const read = (fields: Record<string, unknown>) => {
    status ||= String(fields['grpc-status'] ?? '') || (fields[':status'] === 200 ? '' : `HTTP ${fields[':status']}`)
  }
  stream.on('response', read)
  stream.on('trailers', read)
  stream.on('error', () => {})
  stream.resume()
  if (headers[':method'] !== 'GET') stream.end(body)
  await new Promise((resolve) => stream.once('close', resolve))
  return status || `reset ${stream.rstCode}`
}

/** A message in its envelope, with the length that it claims. */
function enveloped(message: Uint8Array, length = message.length): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(length, 1)
  return Buffer.concat([head, message])
}

const USER_HI = { role: Role.USER, content: 'hi' }
const request = (init: ChatInit = {}): ChatRequest => create(ChatRequestSchema, { messages: [USER_HI], ...init })
const GOOD = enveloped(toBinary(ChatRequestSchema, request()))

/** A field of `bytes` with this number. */
const field = (number: number, bytes: Buffer) => Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes])

describe('at the gRPC door', () => {
  test.each([
    ['a message that claims 4 GB', enveloped(Buffer.alloc(0), 2 ** 32 - 1), RESOURCE_EXHAUSTED],
    ['a message that is cut off', GOOD.subarray(0, -1), undefined],
    ['half an envelope', Buffer.alloc(3), undefined],
    ['two messages', Buffer.concat([GOOD, GOOD]), undefined],
    ['no message', Buffer.alloc(0), undefined],
    ['bytes that are no protobuf', enveloped(Buffer.from('ffffffff', 'hex')), INVALID_ARGUMENT],
    ['a text that is not UTF-8', enveloped(field(1, Buffer.from([0xc3, 0x28]))), INVALID_ARGUMENT],
  ])('%s is refused', async (_, body, status) => {
    const answered = await send(body)
    expect(answered).not.toBe(OK)
    if (status) expect(answered).toBe(status)
  })

  test('a message that is nested too deeply is refused', async () => {
    let value: JsonObject = {}
    for (let level = 0; level < 101; level++) value = { a: value }
    const { error } = await chat(grpc, { providerOptions: { house: value } })
    expect(error?.code).toBe('INVALID_ARGUMENT')
  })

  test('brotli is refused', async () => {
    const compressed = Buffer.from(GOOD)
    compressed[0] = 1
    expect(await send(compressed, { 'grpc-encoding': 'br' })).toBe(UNIMPLEMENTED)
  })

  test.each([
    ['GET', { ':method': 'GET' }],
    ['another content type', { 'content-type': 'text/plain' }],
    ['an unknown method', { ':path': '/llmgateway.v1.LlmGateway/Nothing' }],
    ['an unknown service', { ':path': '/nobody.v1.Nothing/Chat' }],
    ['a path that is none', { ':path': '*' }],
    ['a timeout that is none', { 'grpc-timeout': 'abc' }],
    ['a timeout without a unit', { 'grpc-timeout': '5' }],
    ['no time at all', { 'grpc-timeout': '0n' }],
  ])('%s is refused', async (_, headers) => {
    expect(await send(GOOD, headers)).not.toBe(OK)
  })

  test.each(['[', 'a@b:99999', '', 'x'.repeat(300)])('the authority "%s" harms nobody', async (authority) => {
    await send(GOOD, { ':authority': authority })
    upstream.hits.length = 0
  })

  test.each(['99999999H', '1H'])('the timeout %s is cut to the longest time for a call', async (timeout) => {
    expect(await send(GOOD, { 'grpc-timeout': timeout })).toBe(OK)
    upstream.hits.length = 0
  })

  test.each([
    ['HTTP/1.1', 'POST / HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['garbage', '\x16\x03\x01\x02\x00garbage'],
    ['garbage after a good preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff'],
  ])('%s closes the connection', async (_, text) => {
    const [host = '', port] = gateway.grpc.split(':')
    const socket = connectSocket(Number(port), host)
    socket.on('error', () => {})
    socket.resume()
    socket.write(Buffer.from(text, 'latin1'))
    await once(socket, 'close')
  })
})

test.each(['[', 'a@b:99999', ''])('at the HTTP door the host "%s" is refused', async (host) => {
  const { hostname, port } = new URL(gateway.http)
  const socket = connectSocket(Number(port), hostname)
  socket.write(
    `POST ${PATH} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}`,
  )
  const [head]: Buffer[] = await once(socket, 'data')
  expect(String(head)).toMatch(/^HTTP\/1\.1 400 /)
  socket.destroy()
})

const hi = (count: number) => Array.from({ length: count }, () => USER_HI)

describe.each(['gRPC', 'HTTP'] as const)('a request with a wrong field, at the %s door,', (name) => {
  const server = () => (name === 'gRPC' ? grpc : http)

  test.each<[string, ChatInit, string]>([
    ['no messages', { messages: [] }, 'messages'],
    ['10,000 messages', { messages: hi(10_000) }, 'messages'],
    ['a message without a role', { messages: [{ content: 'hi' }] }, 'messages[0].role'],
    ['a temperature that is no number', { temperature: Number.NaN }, 'temperature'],
    ['a temperature of 2.1', { temperature: 2.1 }, 'temperature'],
    ['max_tokens of 0', { maxTokens: 0 }, 'max_tokens'],
    ['max_tokens of 2^31', { maxTokens: 2 ** 31 }, 'max_tokens'],
    ['10,000 stops', { stop: Array.from({ length: 10_000 }, () => 'a') }, 'stop'],
    ['513 tools', { tools: Array.from({ length: 513 }, (_, index) => ({ name: `t${index}` })) }, 'tools'],
    ['a model that climbs out of its path', { model: 'house/../../admin' }, 'model'],
    ['a model with a query', { model: 'house/m?key=1' }, 'model'],
    ['a model with a fragment', { model: 'house/m#y' }, 'model'],
    ['a model with an encoded slash', { model: 'house/m%2f' }, 'model'],
    ['a provider that climbs out of its path', { provider: '../house' }, 'provider'],
    ['a label named __proto__', { labels: JSON.parse('{"__proto__":"x"}') }, 'labels["__proto__"]'],
    ['an option for model', { providerOptions: { house: { model: 'dearer' } } }, 'provider_options["house"].model'],
  ])('%s, is refused, and the field is named', async (_, init, expected) => {
    const { error } = await chat(server(), init)
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST' })
    expect(error?.fields).toEqual([expected])
    const streamed = await streamChat(server(), init)
    expect(streamed.error).toMatchObject({ code: 'INVALID_ARGUMENT', fields: [expected] })
  })

  test('a million stops, is refused before they are read', async () => {
    const { error } = await chat(server(), { stop: Array.from({ length: 1e6 }, () => 'a') })
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST' })
    expect(error?.message).toContain('more than 65536 fields')
  })

  test('embeddings of nothing, is refused', async () => {
    const { error } = await embed(server(), { inputs: [] })
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['inputs'] })
  })
})

test('a temperature of 0 or -0 is sent as 0', async () => {
  for (const temperature of [0, -0]) {
    await chat(grpc, { temperature })
    expect(upstream.hits.pop()?.json['temperature']).toBeCloseTo(0)
  }
})

test("a caller's own request id, tenant and budget change nothing", async () => {
  const metadata = {
    'x-request-id': 'forged',
    'x-tenant-id': 'another',
    'x-budget': '1000000',
    'x-llm-provider': 'cloud',
  }
  const { value } = await chat(grpc, {}, { metadata })
  expect(value?.id).toMatch(/^[0-9a-f-]{36}$/)
  expect(upstream.hits).toHaveLength(1)
  const sent = upstream.hits.pop()
  expect(Object.keys(sent?.headers ?? {})).not.toEqual(expect.arrayContaining(['x-tenant-id']))
  expect(JSON.stringify(sent?.headers)).not.toContain('forged')
})

test('dangerous keys in provider options change no object but are refused or kept as data', async () => {
  const options = JSON.parse('{"house":{"constructor":{"prototype":{"polluted":true}}}}')
  await chat(grpc, { providerOptions: options })
  upstream.hits.length = 0
  const { value } = await chat(grpc, {})
  expect(value?.message).not.toHaveProperty('polluted')
  expect(upstream.hits.pop()?.body).not.toContain('polluted')
})
