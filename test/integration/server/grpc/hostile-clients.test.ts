import http2 from 'node:http2'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { CallContext } from '../../../../src/domain/calls/call.ts'
import { LlmGateway } from '../../../../src/domain/types.ts'
import { GrpcServer } from '../../../../src/server/grpc/grpc-server.ts'
import type { ServerOptions } from '../../../../src/server/server-options.ts'
import { eventually } from '../../../support/eventually.ts'
import { FakeClock } from '../../../support/fake-clock.ts'
import { heard } from '../../../support/http2-session.ts'
import {
  callFrame,
  callHeaders,
  flags,
  frame,
  frames,
  message,
  RawHttp2,
  type RawOptions,
  resetFrame,
  uint32,
} from '../../../support/raw-http2.ts'
import { serverOptions } from '../../../support/server-options.ts'
import { detailsOf, TestClient } from '../../../support/test-client.ts'
import { chatResponse } from '../../../support/test-stream.ts'

/* Clients that break the rules, or keep to them with ill intent: the door lives, and others are served. */

const CHAT = '/llmgateway.v1.LlmGateway/Chat'
const ENHANCE_YOUR_CALM = http2.constants.NGHTTP2_ENHANCE_YOUR_CALM
const EMPTY = message(Buffer.alloc(0))
const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** A door whose chats say that they began, and another client that must be served whatever happens. */
async function open(rest: Partial<ServerOptions> = {}) {
  const begun: CallContext[] = []
  const refused: string[] = []
  const { options } = serverOptions(
    {
      chat: async (_request, context) => {
        begun.push(context)
        return chatResponse('fine')
      },
    },
    { onRefused: (refusal) => refused.push(refusal), ...rest },
  )
  const server = new GrpcServer(options)
  const port = await server.listen()
  closing.push(() => server.drain(0))
  const client = new TestClient(port)
  closing.push(() => client.close())
  const raw = (how?: RawOptions) => {
    const hostile = new RawHttp2(port, how)
    closing.push(() => hostile.close())
    return hostile
  }
  const isServed = async () => {
    const before = begun.length
    expect((await client.unary(LlmGateway.method.chat, {}).answer).response?.message?.content).toBe('fine')
    begun.splice(before)
    return true
  }
  return { server, port, begun, refused, raw, isServed }
}

interface Reply {
  readonly status: number
  readonly reason: string | undefined
  readonly code: number | undefined
}

/** One call over a connection of its own. */
function call(port: number, body: Buffer, headers: http2.OutgoingHttpHeaders = {}): Promise<Reply> {
  return new Promise((resolve) => {
    const session = http2.connect(`http://127.0.0.1:${port}`)
    session.on('error', () => {})
    const base = { ':method': 'POST', ':path': CHAT, 'content-type': 'application/grpc', te: 'trailers' }
    const stream = session.request({ ...base, ...headers })
    const seen: http2.IncomingHttpHeaders[] = []
    stream.on('response', (received) => seen.push(received))
    stream.on('trailers', (received) => seen.push(received))
    stream.on('error', () => {})
    stream.on('close', () => {
      session.destroy()
      const all = Object.assign({}, ...seen)
      const details = all['grpc-status-details-bin']
      const reason = details && detailsOf(Buffer.from(String(details), 'base64')).info?.reason
      resolve({ status: Number(all['grpc-status']), reason, code: stream.rstCode })
    })
    stream.resume()
    stream.end(body)
  })
}

describe('deadlines', () => {
  it.each(['720H', '1000H', '3600000S', '99999999H', '99999999S'])(
    'of %s are cut to the longest that a call may take',
    async (timeout) => {
      const { port, begun } = await open()
      expect((await call(port, EMPTY, { 'grpc-timeout': timeout })).status).toBe(0)
      const [context] = begun
      expect((context?.deadline ?? 0) - (context?.record.arrivedAt ?? 0)).toBeCloseTo(600_000, 3)
    },
  )

  it.each(['0n', '0H', '0m', '999u', '999999n'])('of %s are over before the call begins', async (timeout) => {
    const { port, begun } = await open()
    expect(await call(port, EMPTY, { 'grpc-timeout': timeout })).toMatchObject({
      status: 4,
      reason: 'DEADLINE_EXCEEDED',
    })
    expect(begun).toEqual([])
  })

  it.each(['abc', '5', '-1S', 'abc1Sxyz', '1.5S', '123456789S', '1s', ''])(
    'that are malformed, such as "%s", are refused',
    async (timeout) => {
      const { port, begun, refused } = await open()
      expect(await call(port, EMPTY, { 'grpc-timeout': timeout })).toMatchObject({
        status: 3,
        reason: 'INVALID_REQUEST',
      })
      expect({ begun, refused }).toEqual({ begun: [], refused: ['malformed_timeout'] })
    },
  )
})

describe('requests', () => {
  it('in frames of one byte are cut off after a few', async () => {
    const { raw, begun, isServed } = await open()
    const hostile = raw()
    hostile.send(callFrame(1, CHAT))
    const body = message(Buffer.alloc(65_000))
    hostile.send(...Array.from(body, (_, at) => frame(frames.DATA, 0, 1, body.subarray(at, at + 1))))
    await eventually(() => hostile.resets.has(1))
    expect(hostile.resets.get(1)).toBe(ENHANCE_YOUR_CALM)
    expect(begun).toEqual([])
    await isServed()
  })

  it('of two messages are refused before either is looked at', async () => {
    const { port, begun } = await open()
    expect(await call(port, Buffer.concat([EMPTY, EMPTY]))).toMatchObject({ status: 12, reason: 'TOO_MANY_MESSAGES' })
    expect(begun).toEqual([])
  })

  it('whose prefix comes byte by byte are read', async () => {
    const { raw, begun } = await open()
    const slow = raw()
    slow.send(callFrame(1, CHAT))
    for (const byte of EMPTY) slow.send(frame(frames.DATA, 0, 1, Buffer.from([byte])))
    slow.send(frame(frames.DATA, flags.END_STREAM, 1))
    await eventually(() => begun.length === 1)
  })

  it('that are compressed wait for their turn, and all are answered', async () => {
    const { port, begun, refused } = await open({ maxCompressedCalls: 2, readTimeout: 100_000 })
    const body = message(gzipSync(Buffer.alloc(0)), true)
    const replies = await Promise.all(Array.from({ length: 30 }, () => call(port, body, { 'grpc-encoding': 'gzip' })))
    expect(replies.map(({ status }) => status)).toEqual(new Array(30).fill(0))
    expect(begun).toHaveLength(30)
    expect(refused).toEqual([])
  })

  it('that are compressed keep their places until they are unpacked, not only until they have arrived', async () => {
    const { port, isServed } = await open({ maxCompressedCalls: 1, maxReceiveBytes: 8_000_000, readTimeout: 100_000 })
    const body = message(gzipSync(Buffer.alloc(7_900_000)), true)
    const before = process.memoryUsage().external
    let most = 0
    const timer = setInterval(() => {
      most = Math.max(most, process.memoryUsage().external)
    }, 1)
    const replies = await Promise.all(Array.from({ length: 40 }, () => call(port, body, { 'grpc-encoding': 'gzip' })))
    clearInterval(timer)
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([3])) // zeros are no request
    expect(most - before).toBeLessThan(150_000_000)
    await isServed()
  })

  it('that swell are stopped at the limit', async () => {
    const { port, begun, isServed } = await open({ maxReceiveBytes: 1_000_000 })
    const body = message(gzipSync(Buffer.alloc(20_000_000)), true)
    const replies = await Promise.all(Array.from({ length: 20 }, () => call(port, body, { 'grpc-encoding': 'gzip' })))
    expect(replies.map(({ status }) => status)).toEqual(new Array(20).fill(8))
    expect(begun).toEqual([])
    await isServed()
  })

  it('of many compressed messages in one frame, on 200 streams, are refused one and all', async () => {
    const { port, begun } = await open()
    const bomb = message(gzipSync(Buffer.alloc(1_000_000)), true)
    const body = Buffer.concat(new Array(12).fill(bomb))
    const replies = await Promise.all(Array.from({ length: 200 }, () => call(port, body, { 'grpc-encoding': 'gzip' })))
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([12]))
    expect(begun).toEqual([])
  })

  it('in an encoding that is not spoken here are UNIMPLEMENTED', async () => {
    const { port } = await open()
    expect((await call(port, message(Buffer.alloc(9), true), { 'grpc-encoding': 'br' })).status).toBe(12)
  })

  it('that are refused before they end leave nothing open', async () => {
    const { raw, server, begun } = await open()
    const caller = raw()
    caller.send(callFrame(1, CHAT, [['grpc-encoding', 'br']]), frame(frames.DATA, 0, 1, message(Buffer.alloc(9), true)))
    await eventually(() => caller.received.includes(frames.HEADERS))
    caller.send(frame(frames.DATA, flags.END_STREAM, 1), frame(frames.PING, 0, 0, Buffer.alloc(8)))
    await eventually(() => caller.received.includes(frames.PING) && server.openCalls === 0)
    await new Promise((resolve) => setImmediate(resolve))
    expect([begun, server.openCalls]).toEqual([[], 0])
  })

  it('with too many headers, or too large ones, are refused', async () => {
    const { port, begun, isServed } = await open()
    const many = Object.fromEntries(Array.from({ length: 130 }, (_, at) => [`x-${at}`, 'v']))
    expect((await call(port, EMPTY, many)).code).toBe(ENHANCE_YOUR_CALM)
    for (const large of [{ 'x-large': 'v'.repeat(60_000) }, { 'x-large-bin': 'QUJD'.repeat(5000) }]) {
      const { status, code } = await call(port, EMPTY, large)
      expect(status === 8 || code === ENHANCE_YOUR_CALM).toBe(true)
    }
    expect(begun).toEqual([])
    await isServed()
  })

  it('with values that a header cannot hold go on without them, and none is printed', async () => {
    const { raw, begun } = await open()
    const printed: string[] = []
    const print = (...words: unknown[]) => void printed.push(words.join(' '))
    const spies = (['error', 'warn', 'log', 'info', 'debug'] as const).map((how) =>
      vi.spyOn(console, how).mockImplementation(print),
    )
    const caller = raw()
    caller.send(
      callFrame(1, CHAT, [
        ['authorization', 'Bearer canary\u00e9'],
        ['x-lines', 'canary\r\nx-forged: 1'],
        ['x-nul', 'canary\0'],
      ]),
      frame(frames.DATA, flags.END_STREAM, 1, EMPTY),
    )
    await eventually(() => begun.length === 1)
    for (const spy of spies) spy.mockRestore()
    const [context] = begun
    expect([context?.credential, context?.header('x-lines'), context?.header('x-forged')]).toEqual(
      Array(3).fill(undefined),
    )
    expect(printed).toEqual([])
  })

  it('with large headers are refused though the client never takes note of what it may send', async () => {
    const { raw, refused, begun } = await open()
    const hostile = raw({ polite: false })
    const block = callHeaders(CHAT, [['x-large', 'v'.repeat(30_000)]])
    hostile.send(
      frame(frames.HEADERS, flags.END_STREAM, 1, block.subarray(0, 16_000)),
      frame(frames.CONTINUATION, flags.END_HEADERS, 1, block.subarray(16_000)),
    )
    await eventually(() => refused.length > 0 || hostile.resets.size > 0)
    expect(begun).toEqual([])
  })
})

describe('slow clients', () => {
  const readTimeout = 300

  it.each([
    ['says nothing', (hostile: RawHttp2) => hostile.send()],
    ['says half a preface', (hostile: RawHttp2) => hostile.send(Buffer.from('PRI * HTTP/2.0\r\n'))],
  ])('one that connects and %s is closed', async (_, act) => {
    const { raw, refused, server } = await open({ readTimeout })
    const hostile = raw({ preface: false, polite: false })
    act(hostile)
    await hostile.closed
    expect(refused).toEqual(['handshake'])
    await eventually(() => server.openConnections === 0)
  })

  it('one that takes no note of our settings is closed', async () => {
    const { raw, refused } = await open({ readTimeout })
    await raw({ polite: false }).closed
    expect(refused).toEqual(['handshake'])
  })

  it('one that never ends its headers is closed by keepalive', async () => {
    const { raw, server } = await open({ keepalive: 200 })
    const hostile = raw()
    hostile.send(frame(frames.HEADERS, 0, 1, callHeaders(CHAT)))
    await hostile.closed
    await eventually(() => server.openConnections === 0)
  })

  it('one that never sends its message is told so', async () => {
    const clock = new FakeClock()
    const { port, begun, refused } = await open({ clock, readTimeout })
    const session = http2.connect(`http://127.0.0.1:${port}`)
    closing.push(() => session.destroy())
    const stream = session.request({ ':method': 'POST', ':path': CHAT, 'content-type': 'application/grpc' })
    const answer = new Promise<http2.IncomingHttpHeaders>((resolve) => stream.on('response', resolve))
    stream.write(EMPTY.subarray(0, 3))
    await heard(session)
    await clock.passUntil(() => refused.length > 0)
    const headers = await answer
    expect(headers['grpc-status']).toBe('4')
    const details = detailsOf(Buffer.from(String(headers['grpc-status-details-bin']), 'base64'))
    expect(details.info?.reason).toBe('REQUEST_READ_TIMEOUT')
    expect({ begun, refused }).toEqual({ begun: [], refused: ['read_timeout'] })
  })

  it('requests that were received before do not count', async () => {
    const { port, refused } = await open({ maxPendingBytes: 300_000 })
    const body = message(Buffer.alloc(100_000))
    for (let at = 0; at < 5; at++) expect((await call(port, body)).status).toBe(3) // it is no request, but it is whole
    expect(refused).toEqual([])
  })

  it('a hundred that keep half a request each hold no more than is allowed, and small calls pass', async () => {
    const { raw, refused, isServed } = await open({ maxPendingBytes: 1_000_000 })
    const half = Buffer.concat([message(Buffer.alloc(4_000_000)).subarray(0, 5), Buffer.alloc(60_000)])
    const pieces = [half, Buffer.alloc(16_000)]
    for (let at = 0; at < 100; at++) {
      const hostile = raw()
      hostile.send(callFrame(1, CHAT))
      for (const piece of pieces) {
        for (let from = 0; from < piece.length; from += 16_000) {
          hostile.send(frame(frames.DATA, 0, 1, piece.subarray(from, from + 16_000)))
        }
      }
    }
    await eventually(() => refused.includes('pending_bytes'))
    await isServed()
  })
})

describe('connections', () => {
  it('above the limit are reset, and have their place again when others leave', async () => {
    const { raw, server, port } = await open({ maxConnections: 3 })
    const held = [raw(), raw(), raw()]
    await eventually(() => held.every(({ received }) => received.length > 0))
    const beyond = raw()
    await beyond.closed
    expect(beyond.received).toEqual([])
    held[0]?.close()
    await eventually(() => server.openConnections === 2)
    expect((await call(port, EMPTY)).status).toBe(0)
  })

  it('of one address are limited apart', async () => {
    const { raw, refused, server } = await open({ maxConnectionsPerAddress: 20 })
    const all = Array.from({ length: 500 }, () => raw())
    await eventually(() => refused.length === 480)
    expect(new Set(refused)).toEqual(new Set(['connections_per_address']))
    await eventually(() => server.openConnections === 20)
    for (const one of all) one.close()
    await eventually(() => server.openConnections === 0)
  })

  it('through a load balancer are those of their clients', async () => {
    const { raw, begun, server } = await open({ trustedProxies: ['127.0.0.0/8'], maxConnectionsPerAddress: 1 })
    const ask = (line: string, packets: number) => {
      const client = raw({ preface: false })
      const said = [Buffer.from(line), Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(frames.SETTINGS, 0, 0)]
      const rest = [callFrame(1, CHAT), frame(frames.DATA, flags.END_STREAM, 1, EMPTY)]
      if (packets === 1) client.send(...said, ...rest)
      else for (const bytes of [...said, ...rest]) client.send(bytes)
      return client
    }
    ask('PROXY TCP4 203.0.113.7 10.0.0.1 4711 50051\r\n', 1)
    await eventually(() => begun.length === 1)
    ask('PROXY TCP6 2001:db8::7 2001:db8::1 4712 50051\r\n', 5)
    await eventually(() => begun.length === 2)
    expect(begun.map(({ peer }) => peer)).toEqual(['203.0.113.7:4711', '2001:db8::7:4712'])
    await ask('PROXY TCP4 203.0.113.7 10.0.0.1 4713 50051\r\n', 1).closed
    expect(begun).toHaveLength(2)
    expect(server.openConnections).toBe(2)
  })

  it.each(['GET / HTTP/1.1\r\n\r\n', 'PROXY TCP4 a b c d\r\n', `PROXY ${'x'.repeat(200)}`])(
    'that do not begin with the line of a load balancer are reset: %s',
    async (text) => {
      const { raw, refused } = await open({ trustedProxies: ['127.0.0.0/8'] })
      const hostile = raw({ preface: false })
      hostile.send(Buffer.from(text))
      await hostile.closed
      expect(refused).toEqual(['proxy_line'])
    },
  )

  it('from a load balancer that says nothing are closed', async () => {
    const { raw, refused } = await open({ trustedProxies: ['127.0.0.0/8'], readTimeout: 100 })
    await raw({ preface: false }).closed
    expect(refused).toEqual(['proxy_line'])
  })
})

describe('floods', () => {
  /** A connection that broke the protocol ends with it, and the other client must have time to answer. In ms. */
  const KEEPALIVE = 2_000
  const times = <T>(count: number, make: (at: number) => T) => Array.from({ length: count }, (_, at) => make(at))
  const resets = (count: number) =>
    times(count, (at) => {
      const stream = 2 * at + 1
      return [callFrame(stream, CHAT), frame(frames.DATA, flags.END_STREAM, stream, EMPTY), resetFrame(stream)]
    }).flat()

  it.each<[string, (hostile: RawHttp2) => void]>([
    ['PING', (hostile) => hostile.send(...times(50_000, () => frame(frames.PING, 0, 0, Buffer.alloc(8))))],
    ['SETTINGS', (hostile) => hostile.send(...times(20_000, () => frame(frames.SETTINGS, 0, 0)))],
    [
      'CONTINUATION',
      (hostile) => {
        hostile.send(frame(frames.HEADERS, 0, 1, callHeaders(CHAT)))
        hostile.send(...times(20_000, () => frame(frames.CONTINUATION, 0, 1, Buffer.alloc(0))))
      },
    ],
    [
      'WINDOW_UPDATE above the largest window',
      (hostile) => hostile.send(...times(3, () => frame(frames.WINDOW_UPDATE, 0, 0, uint32(2 ** 31 - 1)))),
    ],
    ['empty DATA', (hostile) => hostile.send(callFrame(1, CHAT), ...times(50_000, () => frame(frames.DATA, 0, 1)))],
    ['streams', (hostile) => hostile.send(...times(20_000, (at) => callFrame(2 * at + 1, CHAT)))],
    ['resets', (hostile) => hostile.send(...resets(20_000))],
    ['garbage after a good preface', (hostile) => hostile.send(Buffer.from('garbage '.repeat(1000)))],
  ])('of %s cost the client its connection, and nobody else anything', async (_, act) => {
    const { raw, begun, server, isServed } = await open({ keepalive: KEEPALIVE, maxStreams: 100 })
    const hostile = raw()
    await eventually(() => hostile.received.length > 0)
    act(hostile)
    await isServed()
    await hostile.closed
    await eventually(() => server.openConnections === 1 && server.openCalls === 0)
    expect(begun).toEqual([])
    await isServed()
  })

  it('of resets, spread over many connections, begin no call', async () => {
    const { raw, begun, server, isServed } = await open({ keepalive: KEEPALIVE })
    const all = times(20, () => raw())
    await eventually(() => all.every(({ received }) => received.length > 0))
    for (const hostile of all) hostile.send(...resets(500))
    await isServed()
    await Promise.all(all.map(({ closed }) => closed))
    await eventually(() => server.openCalls === 0)
    expect(begun).toEqual([])
  })

  it('of resets are told from callers who change their minds now and then', async () => {
    const { raw, refused } = await open()
    const caller = raw()
    caller.send(...resets(150))
    caller.send(frame(frames.PING, 0, 0, Buffer.alloc(8)))
    await eventually(() => caller.received.includes(frames.PING))
    expect(refused).toEqual([])
    caller.send(...resets(400).slice(3 * 150))
    await caller.closed
    expect(refused).toEqual(['resets'])
  })
})
