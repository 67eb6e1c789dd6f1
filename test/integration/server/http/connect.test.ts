import net from 'node:net'
import { create, toBinary } from '@bufbuild/protobuf'
import { Code, ConnectError, createClient } from '@connectrpc/connect'
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-node'
import { afterEach, describe, expect, it } from 'vitest'
import type { CallContext } from '../../../../src/domain/calls/call.ts'
import { GatewayError } from '../../../../src/domain/errors/error.ts'
import {
  Capability,
  ChatRequestSchema,
  ErrorDetailSchema,
  ErrorInfoSchema,
  LlmGateway,
} from '../../../../src/domain/types.ts'
import { fromText } from '../../../../src/server/http/body/grpc-web-text.ts'
import { HttpServer, type HttpServerOptions } from '../../../../src/server/http/http-server.ts'
import type { Methods } from '../../../../src/service/method-types.ts'
import { eventually } from '../../../support/eventually.ts'
import { FakeClock } from '../../../support/fake-clock.ts'
import { message } from '../../../support/raw-http2.ts'
import { serverOptions } from '../../../support/server-options.ts'
import { cancelled, chatResponse, TestStream, untilCancelled } from '../../../support/test-stream.ts'

const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function open(some: Partial<Methods>, rest: Partial<HttpServerOptions> = {}) {
  const { options, health, reports } = serverOptions(some, rest)
  const requests: unknown[][] = []
  const server = new HttpServer({
    ...options,
    ready: () => health.serving,
    onRequest: (...request) => requests.push(request),
    ...rest,
  })
  const port = await server.listen()
  closing.push(() => server.drain(0))
  const url = `http://127.0.0.1:${port}`
  return { server, port, url, health, reports, requests }
}

function post(url: string, method: string, body: unknown, headers: Record<string, string> = {}) {
  return fetch(`${url}/llmgateway.v1.LlmGateway/${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

const transports = [
  ['Connect', (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: true })],
  ['Connect JSON', (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: '1.1' })],
  ['gRPC-Web', (baseUrl: string) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' })],
] as const

describe.each(transports)('over %s', (_name, transport) => {
  it('a unary call is answered, and knows its caller', async () => {
    let seen: CallContext | undefined
    const { url, server } = await open({
      chat: async ({ model }, context) => {
        seen = context
        return chatResponse(`hello from ${model}`)
      },
    })
    const client = createClient(LlmGateway, transport(url))
    const headers = { authorization: 'Bearer key', traceparent: '00-ab-cd-01' }
    const response = await client.chat({ model: 'sim/echo' }, { headers, timeoutMs: 5000 })
    expect(response.message?.content).toBe('hello from sim/echo')
    expect(seen).toMatchObject({ requestId: 'call-1', credential: 'Bearer key' })
    expect(seen?.peer).toMatch(/^127\.0\.0\.1:\d+$/)
    expect(seen?.header('traceparent')).toBe('00-ab-cd-01')
    expect((seen?.deadline ?? 0) - (seen?.record.arrivedAt ?? 0)).toBeLessThanOrEqual(5000)
    await eventually(() => server.openCalls === 0)
    expect(seen?.cancellation.reason).toBeUndefined()
    expect(seen?.cancellation.size).toBe(0)
  })

  it('a stream comes event by event and ends with its end', async () => {
    const { url, server } = await open({
      streamChat: async (_request, context) => new TestStream(context).say('hel', 'lo').finish().events,
    })
    const cases: unknown[] = []
    for await (const { event } of createClient(LlmGateway, transport(url)).streamChat({})) cases.push(event.case)
    expect(cases).toEqual(['text', 'text', 'finish'])
    await eventually(() => server.openCalls === 0)
  })

  it('an error has its code, message and details', async () => {
    const { url } = await open({
      chat: () => Promise.reject(new GatewayError('UPSTREAM_OVERLOADED', 'busy', { provider: 'openai' })),
    })
    const error = await failureOf(createClient(LlmGateway, transport(url)).chat({}))
    expect(error).toMatchObject({ code: Code.Unavailable, rawMessage: 'busy' })
    expect(error.findDetails(ErrorInfoSchema)[0]).toMatchObject({
      reason: 'UPSTREAM_OVERLOADED',
      metadata: { provider: 'openai' },
    })
  })

  it('a stream that breaks off keeps what was sent and ends with the error', async () => {
    const { url } = await open({
      streamChat: async (_request, context) => {
        const stream = new TestStream(context).say('hel')
        context.record.streamed = true
        context.record.begin('p', 'm').committed = true
        stream.events.end(new GatewayError('UPSTREAM_STREAM_TRUNCATED', 'The vendor broke off.'))
        return stream.events
      },
    })
    const { count, error } = await readAll(createClient(LlmGateway, transport(url)).streamChat({}))
    expect(count).toBe(1)
    expect(error?.code).toBe(Code.Unavailable)
    expect(error?.findDetails(ErrorDetailSchema)[0]?.committed).toBe(true)
  })

  it('a deadline ends a call whose handler never ends, a little early', async () => {
    const clock = new FakeClock()
    const { url, server } = await open({ chat: () => new Promise(() => {}) }, { clock })
    const failure = failureOf(createClient(LlmGateway, transport(url)).chat({}, { timeoutMs: 10_000 }))
    await eventually(() => server.openCalls === 1)
    await clock.advance(9_990)
    const error = await failure
    expect(error.code).toBe(Code.DeadlineExceeded)
    expect(error.findDetails(ErrorInfoSchema)[0]?.reason).toBe('DEADLINE_EXCEEDED')
    await eventually(() => server.openCalls === 0)
    expect(clock.waiting).toBe(0)
  })

  it('a deadline ends a stream in the middle', async () => {
    const clock = new FakeClock()
    let stream: TestStream | undefined
    const { url } = await open(
      {
        streamChat: async (_request, context) => {
          stream = new TestStream(context).say('hel')
          return stream.events
        },
      },
      { clock },
    )
    const read = readAll(createClient(LlmGateway, transport(url)).streamChat({}, { timeoutMs: 10_000 }))
    await eventually(() => stream !== undefined && !stream.paused)
    await clock.advance(9_980)
    const { count, error } = await read
    expect(count).toBe(1)
    expect(error?.findDetails(ErrorInfoSchema)[0]?.reason).toBe('DEADLINE_EXCEEDED')
  })

  it('leaving cancels a unary call', async () => {
    let reason: GatewayError | undefined
    const leaving = new AbortController()
    const { url, server } = await open({
      chat: async (_request, context) => {
        leaving.abort()
        reason = await cancelled(context)
        throw reason
      },
    })
    await failureOf(createClient(LlmGateway, transport(url)).chat({}, { signal: leaving.signal }))
    await eventually(() => reason !== undefined && server.openCalls === 0)
    expect(reason).toMatchObject({ reason: 'CANCELLED', message: 'The client disconnected.' })
  })

  it('leaving cancels a stream', async () => {
    let stream: TestStream | undefined
    const { url, server } = await open({
      streamChat: async (_request, context) => {
        stream = new TestStream(context).say('hel')
        return stream.events
      },
    })
    const leaving = new AbortController()
    const events = createClient(LlmGateway, transport(url)).streamChat({}, { signal: leaving.signal })
    await events[Symbol.asyncIterator]().next()
    leaving.abort()
    await eventually(() => stream?.cancelledWith !== undefined && server.openCalls === 0)
    expect(stream?.cancelledWith).toMatchObject({ reason: 'CANCELLED' })
  })
})

describe('curl', () => {
  it('sends JSON and reads JSON', async () => {
    const { url } = await open({ chat: async () => chatResponse('hello') })
    const response = await post(url, 'Chat', { messages: [{ role: 'ROLE_USER', content: 'hi' }] })
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ id: 'chat-1', message: { content: 'hello' } })
    expect(response.headers.get('x-request-id')).toBe('call-1')
  })

  it('reads an error in words', async () => {
    const { url } = await open({
      chat: () => Promise.reject(new GatewayError('UPSTREAM_RATE_LIMITED', 'slow down', { retryAfter: 1500 })),
    })
    const response = await post(url, 'Chat', {})
    expect(response.status).toBe(429)
    expect(response.headers.get('grpc-retry-pushback-ms')).toBe('1500')
    expect(await response.json()).toMatchObject({
      code: 'resource_exhausted',
      message: 'slow down',
      details: [
        { type: 'google.rpc.ErrorInfo', debug: { reason: 'UPSTREAM_RATE_LIMITED' } },
        { type: 'google.rpc.RetryInfo', debug: '1.500s' },
        { type: 'llmgateway.v1.ErrorDetail' },
      ].map(({ type }) => ({ type })),
    })
  })

  it.each<[string, Methods['chat']]>([
    [
      'throws',
      () => {
        throw new TypeError('sk-secret is not a function')
      },
    ],
    [
      'rejects',
      async () => {
        throw new TypeError('sk-secret is not a function')
      },
    ],
  ])('learns nothing of a handler that %s', async (_how, chat) => {
    const { url, reports } = await open({ chat })
    const response = await post(url, 'Chat', {})
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({ code: 'internal', message: 'The gateway failed; its log says why.' })
    expect(reports).toMatchObject([{ reason: 'INTERNAL', cause: expect.any(TypeError) }])
  })

  it.each([
    ['is no JSON', '{', {}, 400],
    ['has a field of another type', { model: 5 }, {}, 400],
    ['is too large', { model: 'm'.repeat(2000) }, {}, 429],
    ['has another content type', '<chat/>', { 'content-type': 'text/xml' }, 415],
    ['has a malformed timeout', {}, { 'connect-timeout-ms': 'soon' }, 400],
  ])('whose body %s is refused', async (_what, body, headers, status) => {
    const { url } = await open({ chat: async () => chatResponse('') }, { maxReceiveBytes: 1000 })
    expect((await post(url, 'Chat', body, headers)).status).toBe(status)
  })

  it.each([
    { 'connect-timeout-ms': '9999999999' },
    { 'connect-timeout-ms': '2147483648' },
    { 'content-type': 'application/grpc-web', 'grpc-timeout': '99999999H' },
    { 'content-type': 'application/grpc-web', 'grpc-timeout': '3600000S' },
  ])('may give a timeout of weeks: %o', async (headers) => {
    const warnings: Error[] = []
    const listen = (warning: Error) => warnings.push(warning)
    process.on('warning', listen)
    closing.push(() => process.off('warning', listen))
    let deadline = 0
    const { url } = await open({
      chat: async (_request, context) => {
        deadline = context.deadline - context.record.arrivedAt
        return chatResponse('')
      },
    })
    const body = 'content-type' in headers ? '\0\0\0\0\0' : '{}'
    expect((await post(url, 'Chat', body, headers)).status).toBe(200)
    expect(deadline).toBe(600_000)
    expect(warnings).toEqual([])
  })
})

describe('the HTTP door itself', () => {
  it('says whether the process lives and whether calls are taken', async () => {
    const { url, health } = await open({})
    const statuses = async () => [(await fetch(`${url}/healthz`)).status, (await fetch(`${url}/readyz`)).status]
    expect(await statuses()).toEqual([200, 503])
    health.setServing(true)
    expect(await statuses()).toEqual([200, 200])
  })

  it.each(['/', '/favicon.ico', '/llmgateway.v1.LlmGateway/Nothing', '/healthz/'])('knows no %s', async (path) => {
    const { url } = await open({})
    expect((await fetch(url + path)).status).toBe(404)
  })

  it('forbids browsers to make a page of an answer', async () => {
    const { url } = await open({})
    const { headers } = await fetch(`${url}/healthz`)
    expect(Object.fromEntries(headers)).toMatchObject({
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'x-frame-options': 'DENY',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    })
    expect(headers.get('strict-transport-security')).toBeNull()
  })

  it.each(['[', 'a@b:99999', 'a:99999', '', 'a b', 'a/b', '[::1'])(
    'answers 400 to the host %j and lives on',
    async (host) => {
      const { port, url } = await open({ chat: async () => chatResponse('fine') })
      const head = `POST /llmgateway.v1.LlmGateway/Chat HTTP/1.1\r\nHost: ${host}\r\n`
      const reply = await rawRequest(port, `${head}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`)
      expect(reply).toMatch(/^HTTP\/1\.1 400 /)
      expect((await post(url, 'Chat', {})).status).toBe(200)
    },
  )

  it('refuses a flood of headers', async () => {
    const { port, url } = await open({})
    const flood = `X-A: ${'a'.repeat(1000)}\r\n`.repeat(40)
    expect(await rawRequest(port, `GET /healthz HTTP/1.1\r\nHost: a\r\n${flood}\r\n`)).toMatch(/^HTTP\/1\.1 431 /)
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
  })

  it('reports each request by a path of ours', async () => {
    const { url, requests } = await open({ chat: async () => chatResponse('') })
    await post(url, 'Chat?key=secret', {})
    await fetch(`${url}/healthz`)
    await fetch(`${url}/secret`)
    await eventually(() => requests.length === 3)
    expect(requests).toEqual([
      ['POST', '/llmgateway.v1.LlmGateway/Chat', 200, expect.any(Number)],
      ['GET', '/healthz', 200, expect.any(Number)],
      ['GET', 'other', 404, expect.any(Number)],
    ])
  })

  it('reports a caller who left before the answer as 499', async () => {
    const leaving = new AbortController()
    const { url, requests } = await open({
      chat: (request, context) => {
        leaving.abort()
        return untilCancelled(request, context)
      },
    })
    const body = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}', signal: leaving.signal }
    await fetch(`${url}/llmgateway.v1.LlmGateway/Chat`, body).catch(() => {})
    await eventually(() => requests.length === 1)
    expect(requests[0]?.[2]).toBe(499)
  })
})

it('JSON may be longer than the limit for a response, whose size is that of its binary form', async () => {
  const model = {
    $typeName: 'llmgateway.v1.Model' as const,
    id: 'm',
    provider: '',
    model: '',
    capabilities: Array(900).fill(Capability.IMAGE_INPUT),
    defaultModel: false,
    operations: [],
  }
  const listModels = async () => ({
    $typeName: 'llmgateway.v1.ListModelsResponse' as const,
    aliases: [],
    models: [model],
    unavailable: [],
  })
  const { url } = await open({ listModels }, { maxSendBytes: 1000 })
  const response = await post(url, 'ListModels', {})
  expect(response.status).toBe(200)
  expect((await response.text()).length).toBeGreaterThan(20_000)
})

describe('gRPC-Web in text mode', () => {
  const request = (model: string) => {
    const bytes = toBinary(ChatRequestSchema, create(ChatRequestSchema, { model }))
    return message(Buffer.from(bytes)).toString('base64')
  }
  const send = (url: string, method: string, body: string) =>
    fetch(`${url}/llmgateway.v1.LlmGateway/${method}`, {
      method: 'POST',
      headers: { 'content-type': 'application/grpc-web-text' },
      body,
    })

  it('a unary call is answered', async () => {
    const { url } = await open({ chat: async ({ model }) => chatResponse(`hello from ${model}`) })
    const response = await send(url, 'Chat', request('m'))
    expect(response.headers.get('content-type')).toBe('application/grpc-web-text+proto')
    const bytes = fromText(Buffer.from(await response.text()))
    expect(bytes.toString()).toContain('hello from m')
    expect(bytes.toString()).toContain('grpc-status: 0')
  })

  it('a stream is answered, piece by piece', async () => {
    const { url } = await open({
      streamChat: async (_request, context) => new TestStream(context).say('one', 'two').finish().events,
    })
    const bytes = fromText(Buffer.from(await (await send(url, 'StreamChat', request('m'))).text()))
    expect(bytes.toString()).toMatch(/one.*two.*grpc-status: 0/s)
  })

  it.each([
    ['a request that is not base64', '!!!!', 'grpc-status: '],
    [
      'a request that the check of bytes refuses',
      message(Buffer.from('32021a00', 'hex')).toString('base64'),
      'grpc-status: 3',
    ],
  ])('%s is refused', async (_, body, words) => {
    const { url } = await open({ chat: async () => chatResponse('never') })
    const text = fromText(Buffer.from(await (await send(url, 'Chat', body)).text())).toString()
    expect(text).toContain(words)
    expect(text).not.toMatch(/never|grpc-status: 0/)
  })

  it('a request that is too large is refused', async () => {
    const { url } = await open({ chat: async () => chatResponse('never') }, { maxReceiveBytes: 1000 })
    const text = fromText(Buffer.from(await (await send(url, 'Chat', request('m'.repeat(2000)))).text())).toString()
    expect(text).toContain('grpc-status: 8')
  })
})

describe('scripts of other origins', () => {
  const preflight = {
    method: 'OPTIONS',
    headers: { origin: 'https://app.example', 'access-control-request-method': 'POST' },
  }

  it('are not let in by default', async () => {
    const { url } = await open({})
    const { headers } = await fetch(`${url}/llmgateway.v1.LlmGateway/Chat`, preflight)
    expect([...headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([])
  })

  it('are let in where the origin is configured, to see what Connect and gRPC-Web need', async () => {
    const { url } = await open({ chat: async () => chatResponse('') }, { corsOrigins: ['https://app.example'] })
    const allowed = await fetch(`${url}/llmgateway.v1.LlmGateway/Chat`, preflight)
    expect(allowed.status).toBe(204)
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://app.example')
    expect(allowed.headers.get('access-control-allow-headers')).toMatch(
      /Connect-Protocol-Version.*X-Grpc-Web.*Authorization, X-Api-Key, Traceparent, Tracestate, Idempotency-Key/i,
    )
    const answered = await post(url, 'Chat', {}, { origin: 'https://app.example' })
    expect(answered.headers.get('access-control-expose-headers')).toMatch(
      /Grpc-Status-Details-Bin.*Retry-After, X-Request-Id, RateLimit-Limit.*Trailer-RateLimit-Reset, Trailer-Idempotent-Replayed, Trailer-Idempotency-Kept/i,
    )
    const other = await post(url, 'Chat', {}, { origin: 'https://evil.example' })
    expect(other.headers.get('access-control-allow-origin')).toBeNull()
    expect(other.headers.get('vary')).toBe('Origin')
  })
})

describe('a reader that stands still', () => {
  /** A stream that is produced as fast as its reader lets it, to a socket that is not read. */
  async function stalled(stallTimeout: number) {
    const clock = new FakeClock()
    let stream: TestStream | undefined
    const { port, server } = await open(
      {
        streamChat: async (_request, context) => {
          stream = new TestStream(context)
          return stream.events
        },
      },
      { clock, stallTimeout },
    )
    const socket = net.connect(port, '127.0.0.1')
    closing.push(() => socket.destroy())
    const head = 'POST /llmgateway.v1.LlmGateway/StreamChat HTTP/1.1\r\nHost: a\r\n'
    const body = '\0\0\0\0\x02{}'
    socket.write(`${head}Content-Type: application/connect+json\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    await eventually(() => stream !== undefined)
    if (!stream) throw new Error('the call did not begin')
    let said = 0
    for (let quiet = 0; quiet < 50; quiet = stream.paused ? quiet + 1 : 0) {
      if (!stream.paused) {
        stream.say('x'.repeat(100_000))
        said++
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
    return { clock, server, stream, said }
  }

  it('stops the vendor, and is cut off after a minute in which it took nothing', async () => {
    const { clock, server, stream, said } = await stalled(60_000)
    expect(said).toBeLessThan(200)
    await clock.advance(59_999)
    expect(stream.cancelledWith).toBeUndefined()
    // The system may have taken a last piece late.
    await clock.passUntil(() => stream.cancelledWith !== undefined)
    expect(stream.cancelledWith?.message).toBe('The caller took nothing of the stream for 60 s.')
    await eventually(() => server.openCalls === 0)
    expect(clock.waiting).toBe(0)
  })

  it('is cut off at the deadline', async () => {
    const { clock, server, stream } = await stalled(3_600_000)
    await clock.advance(600_090)
    expect(stream.cancelledWith).toMatchObject({ reason: 'GATEWAY_MAX_DURATION' })
    await eventually(() => server.openCalls === 0)
    expect(clock.waiting).toBe(0)
  })
})

describe('draining', () => {
  it('finishes what is open, lets its connection go, and takes nothing new', async () => {
    let release: ((text: string) => void) | undefined
    const text = new Promise<string>((resolve) => {
      release = resolve
    })
    const { url, server } = await open({ chat: async () => chatResponse(await text) })
    const answer = post(url, 'Chat', {})
    await eventually(() => server.openCalls === 1)
    const drained = server.drain(60_000)
    release?.('in time')
    expect(await (await answer).json()).toMatchObject({ message: { content: 'in time' } })
    await drained
    await expect(fetch(`${url}/healthz`)).rejects.toThrow()
  })

  it('ends what is left after the grace with UNAVAILABLE', async () => {
    const { url, server } = await open({ chat: () => new Promise(() => {}) })
    const answer = post(url, 'Chat', {})
    await eventually(() => server.openCalls === 1)
    await server.drain(20)
    const response = await answer
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({ code: 'unavailable' })
  })
})

async function failureOf(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call
  } catch (error) {
    return ConnectError.from(error)
  }
  throw new Error('the call did not fail')
}

async function readAll(stream: AsyncIterable<unknown>): Promise<{ count: number; error: ConnectError | undefined }> {
  let count = 0
  try {
    for await (const _ of stream) count++
  } catch (error) {
    return { count, error: ConnectError.from(error) }
  }
  return { count, error: undefined }
}

/** Bytes as they are, and what came back until the connection closed or an answer is there. */
function rawRequest(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.on('error', reject)
    socket.once('data', (data) => {
      resolve(data.toString())
      socket.destroy()
    })
    socket.on('close', () => resolve(''))
  })
}
