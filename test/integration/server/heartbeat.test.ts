import { createClient } from '@connectrpc/connect'
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-node'
import { afterEach, describe, expect, it } from 'vitest'
import type { CallContext } from '../../../src/domain/calls/call.ts'
import type { EventStream } from '../../../src/domain/streams/event-stream.ts'
import { type ChatEvent, LlmGateway } from '../../../src/domain/types.ts'
import { GrpcServer } from '../../../src/server/grpc/grpc-server.ts'
import { HttpServer } from '../../../src/server/http/http-server.ts'
import { eventually } from '../../support/eventually.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { serverOptions } from '../../support/server-options.ts'
import { TestClient } from '../../support/test-client.ts'
import { finish, TestStream } from '../../support/test-stream.ts'

const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** What a reader has got so far, and whether its stream is over. */
interface Reading {
  readonly cases: (string | undefined)[]
  over: boolean
}

const servers = {
  gRPC: (port: number): Reading => {
    const client = new TestClient(port)
    closing.push(() => client.close())
    const reader = client.stream(LlmGateway.method.streamChat, {})
    const reading: Reading = { cases: [], over: false }
    reader.call.on('data', ({ event }: ChatEvent) => reading.cases.push(event.case))
    void reader.ending.then(() => {
      reading.over = true
    })
    return reading
  },
  Connect: (port: number): Reading => readWith(createConnectTransport(http(port))),
  'gRPC-Web': (port: number): Reading => readWith(createGrpcWebTransport(http(port))),
}

function http(port: number) {
  return { baseUrl: `http://127.0.0.1:${port}`, httpVersion: '1.1' as const }
}

function readWith(transport: Parameters<typeof createClient>[1]): Reading {
  const reading: Reading = { cases: [], over: false }
  const read = async () => {
    for await (const { event } of createClient(LlmGateway, transport).streamChat({})) reading.cases.push(event.case)
  }
  void read()
    .catch(() => {})
    .then(() => {
      reading.over = true
    })
  return reading
}

/** A stream that the test says the events of, once it has `begun` it. */
async function open(name: keyof typeof servers, heartbeat = 15_000) {
  const clock = new FakeClock()
  let seen: CallContext | undefined
  let begin: (events: EventStream<ChatEvent>) => void = () => {}
  const { options } = serverOptions(
    {
      streamChat: (_request, context) => {
        seen = context
        return new Promise((resolve) => {
          begin = resolve
        })
      },
    },
    { clock, heartbeat },
  )
  const server = name === 'gRPC' ? new GrpcServer(options) : new HttpServer({ ...options, ready: () => true })
  const port = await server.listen()
  closing.push(async () => {
    const drained = server.drain(0)
    await clock.advance(1000)
    await drained
  })
  const reading = servers[name](port)
  await eventually(() => seen !== undefined)
  if (!seen) throw new Error('the call did not begin')
  const context = seen
  const stream = new TestStream(context)
  return { clock, server, reading, stream, context, begin: () => begin(stream.events) }
}

describe.each(['gRPC', 'Connect', 'gRPC-Web'] as const)('a silent stream over %s', (name) => {
  it('says that it lives, before its first event and after it', async () => {
    const { clock, reading, stream, context, begin } = await open(name)
    await clock.advance(14_999)
    expect(reading.cases).toEqual([])
    await clock.advance(1)
    await eventually(() => reading.cases.length === 1)
    await clock.advance(15_000)
    await eventually(() => reading.cases.length === 2)
    expect(context.record.committed()).toBe(false)
    stream.say('one')
    begin()
    await eventually(() => reading.cases.length === 3)
    await clock.advance(15_000)
    await eventually(() => reading.cases.length === 4)
    stream.finish()
    await eventually(() => reading.over)
    expect(reading.cases).toEqual(['heartbeat', 'heartbeat', 'text', 'heartbeat', 'finish'])
  })

  it('counts its silence from the last event', async () => {
    const { clock, reading, stream, begin } = await open(name)
    begin()
    for (let said = 1; said <= 4; said++) {
      await clock.advance(10_000)
      stream.say('word')
      await eventually(() => reading.cases.length === said)
    }
    expect(reading.cases).toEqual(['text', 'text', 'text', 'text'])
    await clock.advance(14_999)
    expect(reading.cases).toHaveLength(4)
    await clock.advance(1)
    await eventually(() => reading.cases.at(-1) === 'heartbeat')
  })

  it('says nothing after its finish, however long its ending is held back', async () => {
    const { clock, server, reading, stream, begin } = await open(name)
    let settle: () => void = () => {}
    stream.events.watch({ end: () => new Promise<void>((resolve) => (settle = resolve)) })
    begin()
    stream.events.push(finish)
    await eventually(() => reading.cases.length === 1)
    await clock.advance(60_000)
    stream.events.end()
    await clock.advance(60_000)
    settle()
    await eventually(() => reading.over && server.openCalls === 0)
    expect(reading.cases).toEqual(['finish'])
    expect(clock.waiting).toBe(0)
  })
})
