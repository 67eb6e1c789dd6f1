import { create, toBinary } from '@bufbuild/protobuf'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ChatRequestSchema, Role } from '../../../src/domain/types.ts'
import { type CallerOptions, type CallerProcess, startCaller } from '../../support/caller-process.ts'
import { startChaosProxy } from '../../support/chaos-proxy.ts'
import { chat, streamChat } from '../../support/client.ts'
import { eventually } from '../../support/eventually.ts'
import { portOf, type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { metric, untilActive } from '../../support/metrics-page.ts'
import { callFrame, flags, frame, frames, message, RawHttp2, resetFrame } from '../../support/raw-http2.ts'
import {
  answers,
  begin,
  delta,
  type Exchange,
  type Hit,
  startUpstream,
  type UpstreamServer,
} from '../../support/upstream-server.ts'

/* Callers that go without a word, at any moment: nothing goes on for them, and each is counted once. */

const CHAT = '/llmgateway.v1.LlmGateway/Chat'
const STREAM_CHAT = '/llmgateway.v1.LlmGateway/StreamChat'
/* Longer than a test may take: only time that a test lets pass brings them about. */
const KEEPALIVE = 600_000
const STALL = 150_000

let gateway: RunningGateway
let upstream: UpstreamServer
let client: GrpcClient
const callers: CallerProcess[] = []

beforeAll(async () => {
  upstream = await startUpstream()
  gateway = await startGateway({
    movableTime: true,
    yaml: `
      server: { max_deadline: 1h, keepalive: ${KEEPALIVE}ms, limits: { stall_timeout: ${STALL}ms } }
      providers:
        house:
          kind: local
          base_url: "${upstream.url}"
          default_model: m
          timeout: { first_token: 1h, idle: 1h, total: 1h }
    `,
  })
  client = new GrpcClient(gateway.grpc)
})

afterEach(() => {
  for (const caller of callers.splice(0)) caller.signal('SIGKILL')
})

afterAll(async () => {
  client.close()
  await gateway.close()
  await upstream.close()
})

const request = message(
  Buffer.from(
    toBinary(
      ChatRequestSchema,
      create(ChatRequestSchema, { model: 'house/m', messages: [{ role: Role.USER, content: 'hi' }] }),
    ),
  ),
)

/** Text without end, as fast as it is taken. In large pieces: the buffers of the system take many MB of it. */
function endless({ response }: Exchange): void {
  const text = delta('x'.repeat(60_000))
  const write = () => {
    while (!response.destroyed && response.write(text));
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.on('drain', write)
  write()
}

async function call(how: Pick<CallerOptions, 'server' | 'reads'>, port?: number) {
  const hit = upstream.nextHit()
  const own = portOf(how.server === 'gRPC' ? gateway.grpc : gateway.http)
  const caller = await startCaller({ ...how, port: port ?? own, path: STREAM_CHAT, body: request })
  callers.push(caller)
  return { caller, hit: await hit }
}

function count(status: string): Promise<number> {
  return metric(gateway.metrics, 'llm_requests_total', { status })
}

const noneIsActive = () => untilActive(gateway.metrics, 0)

/** Lets `ms` pass, and again, until the connection of this upstream call is closed. */
async function passUntilClosed({ closed }: Hit, ms: number): Promise<void> {
  let isClosed = false
  void closed.then(() => {
    isClosed = true
  })
  await eventually(async () => {
    if (!isClosed) await gateway.pass(ms)
    return isClosed
  })
}

test('calls that are reset as they arrive ask no upstream', async () => {
  upstream.answer(answers('fine'))
  upstream.hits.length = 0
  const caller = new RawHttp2(portOf(gateway.grpc))
  const calls = Array.from({ length: 100 }, (_, at) => 2 * at + 1)
  for (const stream of calls) {
    const body = frame(frames.DATA, flags.END_STREAM, stream, request)
    caller.send(callFrame(stream, CHAT), body, resetFrame(stream))
  }
  expect((await chat(client, {})).value?.message?.content).toBe('fine')
  caller.close()
  expect(upstream.hits).toHaveLength(1)
  await noneIsActive()
})

describe.each(['gRPC', 'HTTP'] as const)('at the %s door', (server) => {
  test.each([
    ['reads', 'all'],
    ['stands still, its window shut', 'window shut'],
  ] as const)('a caller that %s is killed: its upstream is let go, and its call is counted once', async (_, reads) => {
    upstream.answer(endless)
    const before = await count('CANCELLED')
    const { caller, hit } = await call({ server, reads })
    caller.signal('SIGKILL')
    await hit.closed
    await noneIsActive()
    expect(await count('CANCELLED')).toBe(before + 1)
  })

  test('a caller that stands still for ever is cut off, and its upstream let go', async () => {
    upstream.answer(endless)
    const { caller, hit } = await call({ server, reads: 'window shut' })
    await passUntilClosed(hit, STALL)
    if (server === 'gRPC') expect(await caller.ended).toBe(11)
    await noneIsActive()
  })
})

test('a caller whose process does not read its socket is cut off too', async () => {
  upstream.answer(endless)
  const { hit } = await call({ server: 'gRPC', reads: 'socket unread' })
  await passUntilClosed(hit, STALL)
  await noneIsActive()
})

test('a caller that is stopped in its tracks is gone once keepalive has had no answer', async () => {
  upstream.answer(begin(delta('one ')))
  const { caller, hit } = await call({ server: 'gRPC', reads: 'all' })
  caller.signal('SIGSTOP')
  await passUntilClosed(hit, KEEPALIVE)
  await noneIsActive()
})

test('a caller behind a wire that went dead is gone once keepalive has had no answer', async () => {
  upstream.answer(begin(delta('one ')))
  const proxy = await startChaosProxy(portOf(gateway.grpc))
  const { hit } = await call({ server: 'gRPC', reads: 'all' }, proxy.port)
  proxy.toClient = { blackhole: true }
  proxy.toServer = { blackhole: true }
  await passUntilClosed(hit, KEEPALIVE)
  await noneIsActive()
  await proxy.close()
})

test.each(['RST', 'FIN'] as const)('a wire that is cut by %s lets go of the upstream', async (how) => {
  upstream.answer(begin(delta('one ')))
  const proxy = await startChaosProxy(portOf(gateway.grpc))
  const { hit } = await call({ server: 'gRPC', reads: 'all' }, proxy.port)
  proxy.cut(how)
  await hit.closed
  await noneIsActive()
  await proxy.close()
})

test('a wire that is slow and gives one byte at a time carries a call all the same', async () => {
  upstream.answer(answers('one ', 'two'))
  const proxy = await startChaosProxy(portOf(gateway.grpc))
  proxy.toServer = { slice: 1 }
  proxy.toClient = { slice: 7, bandwidth: 20_000 }
  const slow = new GrpcClient(`127.0.0.1:${proxy.port}`)
  const { text, error } = await streamChat(slow, {})
  expect({ text, error }).toEqual({ text: 'one two', error: undefined })
  slow.close()
  await proxy.close()
})

test('a wire that is cut after some bytes never makes a part look like the whole', async () => {
  upstream.answer(answers('one ', 'two'))
  for (let bytes = 100; bytes < 1000; bytes += 150) {
    const proxy = await startChaosProxy(portOf(gateway.grpc))
    proxy.toClient = { cutAfter: bytes, cut: bytes % 200 === 0 ? 'FIN' : 'RST' }
    const cut = new GrpcClient(`127.0.0.1:${proxy.port}`)
    const { cases, error } = await streamChat(cut, {})
    if (error === undefined) expect(cases).toContain('finish')
    else expect(error.code).toBe('UNAVAILABLE')
    cut.close()
    await proxy.close()
  }
  await noneIsActive()
})
