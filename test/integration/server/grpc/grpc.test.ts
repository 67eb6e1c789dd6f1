import http2 from 'node:http2'
import * as grpc from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from 'vitest'
import type { CallContext } from '../../../../src/domain/calls/call.ts'
import { GatewayError } from '../../../../src/domain/errors/error.ts'
import { AttemptOutcome, HealthCheckService, LlmGateway } from '../../../../src/domain/types.ts'
import { GrpcServer } from '../../../../src/server/grpc/grpc-server.ts'
import type { ServerOptions } from '../../../../src/server/server-options.ts'
import type { Methods } from '../../../../src/service/method-types.ts'
import { eventually } from '../../../support/eventually.ts'
import { FakeClock } from '../../../support/fake-clock.ts'
import { serverOptions } from '../../../support/server-options.ts'
import { TestClient } from '../../../support/test-client.ts'
import { cancelled, chatResponse, TestStream, untilCancelled } from '../../../support/test-stream.ts'

const { chat, streamChat, watchStats } = LlmGateway.method
const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function open(some: Partial<Methods>, rest: Partial<ServerOptions> = {}) {
  const { options, health, reports } = serverOptions(some, rest)
  const server = new GrpcServer(options)
  const port = await server.listen()
  const client = new TestClient(port)
  closing.push(() => server.drain(0))
  closing.push(() => client.close())
  return { server, port, client, health, reports }
}

describe('a call that succeeds', () => {
  it.each(['headers', 'trailers'] as const)('carries its request id in the %s', async (place) => {
    const { port } = await open({
      chat: async () => chatResponse('fine'),
      streamChat: async (_request, context) => new TestStream(context).say('fine').finish().events,
    })
    const session = http2.connect(`http://127.0.0.1:${port}`)
    closing.push(() => session.destroy())
    for (const [method, id] of [
      ['Chat', 'call-1'],
      ['StreamChat', 'call-2'],
    ]) {
      const path = `/llmgateway.v1.LlmGateway/${method}`
      const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' })
      const received = new Promise((resolve) => stream.once(place === 'headers' ? 'response' : 'trailers', resolve))
      stream.resume()
      stream.end(Buffer.alloc(5))
      expect(await received).toMatchObject({ 'x-request-id': id })
    }
  })
})

describe('a unary call', () => {
  it('is answered, and knows its caller', async () => {
    let seen: CallContext | undefined
    const { client, server } = await open({
      chat: async ({ model }, context) => {
        seen = context
        return chatResponse(`hello from ${model}`)
      },
    })
    const metadata = new grpc.Metadata()
    metadata.set('authorization', 'Bearer key')
    metadata.set('traceparent', '00-ab-cd-01')
    const { response, ending } = await client.unary(chat, { model: 'sim/echo' }, {}, metadata).answer
    expect(ending.code).toBe(grpc.status.OK)
    expect(response?.message?.content).toBe('hello from sim/echo')
    expect(seen).toMatchObject({ requestId: 'call-1', credential: 'Bearer key' })
    expect(seen?.peer).toMatch(/^127\.0\.0\.1:\d+$/)
    expect([seen?.header('traceparent'), seen?.header('x-none')]).toEqual(['00-ab-cd-01', undefined])
    await eventually(() => server.openCalls === 0)
    expect(seen?.cancellation.reason).toBeUndefined()
    expect(seen?.cancellation.size).toBe(0)
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
    ['rejects with what is no error', () => Promise.reject('sk-secret')],
    ['answers with what is no message', async () => ({}) as never],
  ])('whose handler %s ends INTERNAL with a constant text, and is reported', async (_how, method) => {
    const { client, reports } = await open({ chat: method })
    const { ending } = await client.unary(chat, {}).answer
    expect(ending).toMatchObject({ code: 13, message: 'The gateway failed; its log says why.' })
    expect(ending.details?.info).toMatchObject({ reason: 'INTERNAL', metadata: { origin: 'gateway' } })
    expect(reports).toHaveLength(1)
    expect(reports[0]?.cause).toBeDefined()
  })

  it('fails as its error says, with details, in one frame of trailers only', async () => {
    const { port } = await open({
      chat: async (_request, { record }) => {
        record.fail(record.begin('openai', 'gpt'), AttemptOutcome.FAILED, 'UPSTREAM_OVERLOADED')
        throw new GatewayError('UPSTREAM_OVERLOADED', 'openai is overloaded \ud83d', { retryAfter: 250 })
      },
    })
    const frames = await rawCall(port, '/llmgateway.v1.LlmGateway/Chat', Buffer.alloc(5))
    expect(frames.trailers).toBeUndefined()
    expect(frames.headers).toMatchObject({
      'grpc-status': '14',
      'grpc-message': encodeURI('openai is overloaded \ufffd'),
      'grpc-retry-pushback-ms': '250',
      'x-request-id': 'call-1',
    })
  })

  it('that cannot be decoded is refused, and the door lives on', async () => {
    const { client } = await open({ chat: async () => chatResponse('fine') })
    const ending = await client.raw('/llmgateway.v1.LlmGateway/Chat', Buffer.from([0xff, 0xff, 0xff]))
    expect(ending).toMatchObject({ code: 3, details: { info: { reason: 'INVALID_REQUEST' } } })
    const { response } = await client.unary(chat, {}).answer
    expect(response?.message?.content).toBe('fine')
  })

  it.each<[string, Buffer]>([
    // 16 MB of `messages` in what the contract says is a number.
    [
      'a number that is written as a text',
      Buffer.concat([Buffer.from('3280c2d707', 'hex'), Buffer.alloc(16_000_000, 26)]),
    ],
    // A CacheControl and more messages in a group, which a cache key would not be made of.
    ['a group', Buffer.from('0a016da301120a0801120a0a026e73a401', 'hex')],
    ['a message that is set twice', Buffer.from('7a007a00', 'hex')],
  ])('with %s is refused before it is decoded', async (_, bytes) => {
    const { client } = await open({ chat: async () => chatResponse('decoded') })
    const ending = await client.raw('/llmgateway.v1.LlmGateway/Chat', bytes)
    expect(ending).toMatchObject({ code: 3, details: { info: { reason: 'INVALID_REQUEST' } } })
    expect(ending.message).toMatch(/^The request is not a valid llmgateway.v1.ChatRequest: field \d+/)
  })

  it('whose answer is larger than the limit says what to do', async () => {
    const { client } = await open({ chat: async () => chatResponse('x'.repeat(2000)) }, { maxSendBytes: 1000 })
    const { ending } = await client.unary(chat, {}).answer
    expect(ending).toMatchObject({ code: 8, details: { info: { reason: 'RESPONSE_TOO_LARGE' } } })
    expect(ending.message).toMatch(/^The answer has 20\d\d bytes, the gateway sends 1000 at most: ask for less/)
  })

  it('that is too large for the door is refused', async () => {
    const { client } = await open({ chat: async () => chatResponse('') }, { maxReceiveBytes: 1000 })
    const { ending } = await client.unary(chat, { model: 'm'.repeat(2000) }).answer
    expect(ending.code).toBe(8)
  })

  it('is cancelled when its caller leaves', async () => {
    let reason: GatewayError | undefined
    const { client, server } = await open({
      chat: async (_request, context) => {
        call.cancel()
        reason = await cancelled(context)
        throw reason
      },
    })
    const call = client.unary(chat, {})
    expect((await call.answer).ending.code).toBe(1)
    await eventually(() => reason !== undefined && server.openCalls === 0)
    expect(reason).toMatchObject({ reason: 'CANCELLED' })
  })

  it('gets the attempts with its DEADLINE_EXCEEDED, a little early', async () => {
    const clock = new FakeClock()
    const { client, server } = await open(
      {
        chat: async (request, context) => {
          const attempt = context.record.begin('openai', 'gpt')
          context.cancellation.add({
            cancel: ({ reason }) => context.record.fail(attempt, AttemptOutcome.CANCELLED, reason),
          })
          return untilCancelled(request, context)
        },
      },
      { clock },
    )
    const call = client.unary(chat, {}, { deadline: Date.now() + 10_000 })
    await eventually(() => server.openCalls === 1)
    await clock.advance(9_980)
    const { ending } = await call.answer
    expect(ending.code).toBe(4)
    expect(ending.message).toMatch(/^The deadline of \d+ ms passed while waiting for openai\/gpt\.$/)
    expect(ending.details?.attempts?.attempts).toMatchObject([{ provider: 'openai', reason: 'DEADLINE_EXCEEDED' }])
    await eventually(() => server.openCalls === 0)
    expect(clock.waiting).toBe(0)
  })

  it('is answered before its deadline even when its handler never ends', async () => {
    const clock = new FakeClock()
    const { client, server } = await open({ chat: () => new Promise(() => {}) }, { clock })
    const call = client.unary(chat, {}, { deadline: Date.now() + 10_000 })
    await eventually(() => server.openCalls === 1)
    await clock.advance(9_990)
    expect((await call.answer).ending).toMatchObject({ code: 4, details: { info: { reason: 'DEADLINE_EXCEEDED' } } })
    await eventually(() => server.openCalls === 0)
  })

  it('whose deadline has passed starts no handler', async () => {
    let started = 0
    const { port } = await open({
      chat: async () => {
        started++
        return chatResponse('')
      },
    })
    const { headers } = await rawCall(port, '/llmgateway.v1.LlmGateway/Chat', Buffer.alloc(5), { 'grpc-timeout': '0n' })
    expect(headers['grpc-status']).toBe('4')
    expect(started).toBe(0)
  })
})

describe('a stream', () => {
  it('is forwarded event by event and ends once, with OK', async () => {
    const { client, server } = await open({
      streamChat: async (_request, context) => new TestStream(context).say('hel', 'lo').finish().events,
    })
    const reader = client.stream(streamChat, {})
    expect((await reader.ending).code).toBe(0)
    expect(reader.messages.map(({ event }) => (event.case === 'text' ? event.value.text : event.case))).toEqual([
      'hel',
      'lo',
      'finish',
    ])
    await eventually(() => server.openCalls === 0)
  })

  it('that breaks off keeps what was sent and ends with the error and its details', async () => {
    const { client } = await open({
      streamChat: async (_request, context) => {
        const stream = new TestStream(context).say('hel')
        context.record.streamed = true
        context.record.begin('p', 'm').committed = true
        stream.events.end(new GatewayError('UPSTREAM_STREAM_TRUNCATED', 'The vendor broke off.'))
        return stream.events
      },
    })
    const reader = client.stream(streamChat, {})
    const ending = await reader.ending
    expect(ending).toMatchObject({ code: 14, details: { attempts: { committed: true } } })
    expect(reader.messages).toHaveLength(1)
  })

  it('that breaks off in the turn in which it says much loses nothing of that', async () => {
    const { client } = await open({
      streamChat: async (_request, context) => {
        const stream = new TestStream(context).say(...Array.from({ length: 40 }, (_, at) => `word ${at} `))
        stream.events.end(new GatewayError('UPSTREAM_STREAM_TRUNCATED', 'The vendor broke off.'))
        return stream.events
      },
    })
    const reader = client.stream(streamChat, {})
    expect((await reader.ending).details?.info?.reason).toBe('UPSTREAM_STREAM_TRUNCATED')
    expect(reader.messages).toHaveLength(40)
  })

  it('that is refused before it begins sends trailers only', async () => {
    const { port } = await open({
      streamChat: () => Promise.reject(new GatewayError('UNAUTHENTICATED', 'No valid credential.')),
    })
    const { headers, trailers } = await rawCall(port, '/llmgateway.v1.LlmGateway/StreamChat', Buffer.alloc(5))
    expect(headers['grpc-status']).toBe('16')
    expect(trailers).toBeUndefined()
  })

  it('is cancelled when its caller leaves in the middle', async () => {
    let stream: TestStream | undefined
    const { client, server } = await open({
      streamChat: async (_request, context) => {
        stream = new TestStream(context).say('hel')
        return stream.events
      },
    })
    const reader = client.stream(streamChat, {})
    await reader.first()
    reader.call.cancel()
    await eventually(() => server.openCalls === 0)
    expect(stream?.cancelledWith).toMatchObject({ reason: 'CANCELLED', message: 'The client disconnected.' })
  })

  it('ends with the deadline, a little early', async () => {
    const clock = new FakeClock()
    const { client } = await open(
      { streamChat: async (_request, context) => new TestStream(context).say('hel').events },
      { clock },
    )
    const reader = client.stream(streamChat, {}, { deadline: Date.now() + 10_000 })
    await eventually(() => reader.messages.length === 1)
    await clock.advance(9_980)
    expect(await reader.ending).toMatchObject({ code: 4, details: { info: { reason: 'DEADLINE_EXCEEDED' } } })
  })

  it('with a message that cannot be sent ends INTERNAL', async () => {
    const { client, reports } = await open({
      streamChat: async (_request, context) => {
        const stream = new TestStream(context).say('hel')
        stream.events.push({ event: { case: 'finish', value: { usage: 'much' } } } as never)
        return stream.events
      },
    })
    const ending = await client.stream(streamChat, {}).ending
    expect(ending).toMatchObject({ code: 13, details: { info: { reason: 'INTERNAL' } } })
    expect(reports).toHaveLength(1)
  })

  it('with a message above the limit ends RESPONSE_TOO_LARGE', async () => {
    let stream: TestStream | undefined
    const { client } = await open(
      {
        streamChat: async (_request, context) => {
          stream = new TestStream(context).say('ok', 'x'.repeat(2000), 'never')
          return stream.events
        },
      },
      { maxSendBytes: 1000 },
    )
    const reader = client.stream(streamChat, {})
    expect((await reader.ending).details?.info?.reason).toBe('RESPONSE_TOO_LARGE')
    expect(reader.messages).toHaveLength(1)
    expect(stream?.cancelledWith).toBeDefined()
  })

  it('that watches has no longest duration', async () => {
    let deadline: number | undefined
    const { client } = await open({
      watchStats: async (_request, context) => {
        deadline = context.deadline
        throw new GatewayError('UNSUPPORTED', 'not here')
      },
    })
    await client.stream(watchStats, {}).ending
    expect(deadline).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('hostile clients', () => {
  it('that reset hundreds of calls at once leave nothing open', async () => {
    const { port, server, client } = await open({ chat: untilCancelled })
    const session = http2.connect(`http://127.0.0.1:${port}`)
    session.on('error', () => {})
    for (let i = 0; i < 500; i++) {
      const stream = session.request({
        ':method': 'POST',
        ':path': '/llmgateway.v1.LlmGateway/Chat',
        'content-type': 'application/grpc',
        te: 'trailers',
      })
      stream.on('error', () => {})
      stream.end(Buffer.alloc(5))
      if (i % 2) setImmediate(() => stream.close(http2.constants.NGHTTP2_CANCEL))
      else stream.close(http2.constants.NGHTTP2_CANCEL)
    }
    await new Promise((resolve) => setImmediate(resolve))
    session.destroy()
    const { ending } = await client.unary(HealthCheckService.method.check, { service: 'live' }).answer
    expect(ending.code).toBe(0)
    await eventually(() => server.openCalls === 0)
  })

  it('that send half a message or two get an error, and the door lives on', async () => {
    const { port, client } = await open({ chat: async () => chatResponse('fine') })
    const path = '/llmgateway.v1.LlmGateway/Chat'
    for (const bytes of [
      Buffer.alloc(3),
      Buffer.alloc(0),
      Buffer.alloc(10),
      Buffer.from([0, 0xff, 0xff, 0xff, 0xff]),
    ]) {
      const { headers } = await rawCall(port, path, bytes)
      expect(Number(headers['grpc-status'])).toBeGreaterThan(0)
    }
    const { response } = await client.unary(chat, {}).answer
    expect(response?.message?.content).toBe('fine')
  })
})

describe('draining', () => {
  it('finishes what is open, ends those who watch, and takes nothing new', async () => {
    let release: ((text: string) => void) | undefined
    const text = new Promise<string>((resolve) => {
      release = resolve
    })
    const { client, server, port } = await open({ chat: async () => chatResponse(await text) })
    const watcher = client.stream(HealthCheckService.method.watch, {})
    const call = client.unary(chat, {})
    await eventually(() => server.openCalls === 2)
    const drained = server.drain(60_000)
    expect(await watcher.ending).toMatchObject({ code: 14, details: { info: { reason: 'DRAINING' } } })
    release?.('in time')
    expect((await call.answer).response?.message?.content).toBe('in time')
    await drained
    const late = new TestClient(port)
    closing.push(() => late.close())
    expect((await late.unary(chat, {}).answer).ending).toMatchObject({ code: 14, details: undefined })
  })

  it('ends what is left after the grace with UNAVAILABLE', async () => {
    const { client, server } = await open({
      chat: () => new Promise(() => {}),
      streamChat: async (_request, context) => new TestStream(context).say('hel').events,
    })
    const call = client.unary(chat, {})
    const reader = client.stream(streamChat, {})
    await reader.first()
    reader.call.resume()
    await eventually(() => server.openCalls === 2)
    await server.drain(20)
    for (const ending of [(await call.answer).ending, await reader.ending]) {
      expect(ending).toMatchObject({ code: 14, details: { info: { reason: 'DRAINING' } } })
    }
    expect(server.openCalls).toBe(0)
  })
})

/** One call in HTTP/2 frames of our own: what came as headers and what as trailers. */
function rawCall(port: number, path: string, body: Buffer, headers: Record<string, string> = {}) {
  return new Promise<{ headers: http2.IncomingHttpHeaders; trailers: http2.IncomingHttpHeaders | undefined }>(
    (resolve, reject) => {
      const session = http2.connect(`http://127.0.0.1:${port}`)
      session.on('error', reject)
      const stream = session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...headers,
      })
      let first: http2.IncomingHttpHeaders = {}
      let trailers: http2.IncomingHttpHeaders | undefined
      stream.on('response', (received) => {
        first = received
      })
      stream.on('trailers', (received) => {
        trailers = received
      })
      stream.on('close', () => {
        session.close()
        resolve({ headers: first, trailers })
      })
      stream.on('error', () => {})
      stream.resume()
      stream.end(body)
    },
  )
}
