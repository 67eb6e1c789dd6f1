import { Code, ConnectError, createClient } from '@connectrpc/connect'
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-node'
import * as grpc from '@grpc/grpc-js'
import { afterEach, expect, it } from 'vitest'
import { ErrorInfoSchema, LlmGateway, RetryInfoSchema } from '../../../src/domain/types.ts'
import { GrpcServer } from '../../../src/server/grpc/grpc-server.ts'
import { HttpServer } from '../../../src/server/http/http-server.ts'
import { LoopDelay } from '../../../src/server/loop-delay.ts'
import { BlockedClock } from '../../support/blocked-clock.ts'
import { eventually } from '../../support/eventually.ts'
import { callFrame, flags, frame, frames, message, RawHttp2 } from '../../support/raw-http2.ts'
import { serverOptions } from '../../support/server-options.ts'
import { TestClient } from '../../support/test-client.ts'
import { chatResponse, TestStream } from '../../support/test-stream.ts'

const { chat, streamChat } = LlmGateway.method
const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** Doors whose process cannot keep up while `state.late`, and what they began and refused. */
async function open(isOverloaded?: () => boolean) {
  const state = { late: true, begun: 0, refused: [] as string[] }
  const { options, health } = serverOptions(
    {
      chat: async () => {
        state.begun++
        return chatResponse('fine')
      },
      streamChat: async (_request, context) => {
        state.begun++
        return new TestStream(context).say('fine').finish().events
      },
    },
    { isOverloaded: isOverloaded ?? (() => state.late), onRefused: (refusal) => state.refused.push(refusal) },
  )
  health.setServing(true)
  const servers = { grpc: new GrpcServer(options), http: new HttpServer({ ...options, ready: () => true }) }
  const ports = { grpc: await servers.grpc.listen(), http: await servers.http.listen() }
  closing.push(() => Promise.all([servers.grpc.drain(0), servers.http.drain(0)]))
  return { state, ports, baseUrl: `http://127.0.0.1:${ports.http}` }
}

it('the gRPC door refuses calls before any work, with the time to come back, until the loop keeps up again', async () => {
  const { state, ports } = await open()
  const client = new TestClient(ports.grpc)
  closing.push(() => client.close())
  const endings = [(await client.unary(chat, {}).answer).ending, await client.stream(streamChat, {}).ending]
  for (const { code, details, trailers } of endings) {
    expect(code).toBe(grpc.status.UNAVAILABLE)
    expect(details?.info).toMatchObject({ reason: 'OVERLOADED', metadata: { origin: 'gateway' } })
    expect(details?.retry?.retryDelay?.seconds).toBe(1n)
    expect(trailers.get('grpc-retry-pushback-ms')).toEqual(['1000'])
  }
  expect(state).toMatchObject({ begun: 0, refused: ['overloaded', 'overloaded'] })
  state.late = false
  expect((await client.unary(chat, {}).answer).ending.code).toBe(0)
})

it('a client that retries what is UNAVAILABLE has its answer once the loop keeps up again', async () => {
  const { state, ports } = await open()
  const retryPolicy = {
    maxAttempts: 3,
    initialBackoff: '0.01s',
    maxBackoff: '0.01s',
    backoffMultiplier: 1,
    retryableStatusCodes: ['UNAVAILABLE'],
  }
  const config = { methodConfig: [{ name: [{ service: 'llmgateway.v1.LlmGateway' }], retryPolicy }] }
  const client = new TestClient(ports.grpc, undefined, { 'grpc.service_config': JSON.stringify(config) })
  closing.push(() => client.close())
  const call = client.unary(chat, {})
  await eventually(() => state.refused.length > 0)
  state.late = false
  expect((await call.answer).response?.message?.content).toBe('fine')
})

it.each([
  ['Connect', createConnectTransport],
  ['gRPC-Web', createGrpcWebTransport],
])('the HTTP door refuses calls over %s, with the reason', async (_, transport) => {
  const { state, baseUrl } = await open()
  const client = createClient(LlmGateway, transport({ baseUrl, httpVersion: '1.1' }))
  const error = ConnectError.from(await client.chat({}).catch((thrown: unknown) => thrown))
  expect(error.code).toBe(Code.Unavailable)
  expect(error.findDetails(ErrorInfoSchema)[0]?.reason).toBe('OVERLOADED')
  expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds).toBe(1n)
  const read = async () => {
    for await (const _event of client.streamChat({}));
  }
  const broken = ConnectError.from(await read().catch((thrown: unknown) => thrown))
  expect(broken.code).toBe(Code.Unavailable)
  expect(state).toMatchObject({ begun: 0, refused: ['overloaded', 'overloaded'] })
  state.late = false
  expect((await client.chat({})).message?.content).toBe('fine')
})

it('plain HTTP is told when to come back, and whether the process lives', async () => {
  const { baseUrl } = await open()
  const headers = { 'content-type': 'application/json' }
  const refused = await fetch(`${baseUrl}/llmgateway.v1.LlmGateway/Chat`, { method: 'POST', headers, body: '{}' })
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
  expect(await refused.json()).toMatchObject({ code: 'unavailable' })
  expect((await fetch(`${baseUrl}/healthz`)).status).toBe(200)
})

it('what arrived while the loop was blocked is refused, and what comes later is served', async () => {
  const clock = new BlockedClock()
  const delay = new LoopDelay(clock)
  closing.push(() => delay.stop())
  const { state, ports } = await open(() => delay.current > 200)
  const early = new RawHttp2(ports.grpc)
  closing.push(() => early.close())
  await eventually(() => early.received.includes(frames.SETTINGS))
  clock.blockedFor = 1_200
  const body = frame(frames.DATA, flags.END_STREAM, 1, message(Buffer.alloc(0)))
  early.send(callFrame(1, '/llmgateway.v1.LlmGateway/Chat'), body)
  await eventually(() => early.received.includes(frames.HEADERS))
  expect(state).toMatchObject({ begun: 0, refused: ['overloaded'] })
  await clock.advance(10 * 20)
  const client = new TestClient(ports.grpc)
  closing.push(() => client.close())
  expect((await client.unary(chat, {}).answer).ending.code).toBe(0)
})
