import http2 from 'node:http2'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import type { CallContext } from '../../../../src/domain/calls/call.ts'
import { GrpcServer } from '../../../../src/server/grpc/grpc-server.ts'
import { HttpServer } from '../../../../src/server/http/http-server.ts'
import type { ServerOptions } from '../../../../src/server/server-options.ts'
import { eventually } from '../../../support/eventually.ts'
import { FakeClock } from '../../../support/fake-clock.ts'
import { heard } from '../../../support/http2-session.ts'
import { serverOptions } from '../../../support/server-options.ts'
import { chatResponse } from '../../../support/test-stream.ts'
import { makeTlsFiles } from '../../../support/tls-files.ts'

/* The HTTP door, and both under TLS: slow clients, large ones, many, and those of a load balancer. */

const tls = makeTlsFiles()
const closing: (() => unknown)[] = []
const PATH = '/llmgateway.v1.LlmGateway/Chat'
const POST = `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n`

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function open(kind: 'gRPC' | 'HTTP', rest: Partial<ServerOptions> = {}) {
  const begun: CallContext[] = []
  const refused: string[] = []
  const chat = async (_request: unknown, context: CallContext) => {
    begun.push(context)
    return chatResponse('fine')
  }
  const { options } = serverOptions({ chat }, { onRefused: (refusal) => refused.push(refusal), ...rest })
  const server = kind === 'gRPC' ? new GrpcServer(options) : new HttpServer({ ...options, ready: () => true })
  const port = await server.listen()
  closing.push(() => server.drain(0))
  return { server, port, begun, refused }
}

/** A connection that says these bytes; all that it hears. */
function say(port: number, ...words: readonly string[]) {
  const socket: Socket = connect(port, '127.0.0.1')
  const heard = { text: '', closed: false }
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    heard.text += chunk.toString('latin1')
  })
  socket.on('close', () => {
    heard.closed = true
  })
  for (const text of words) socket.write(text)
  closing.push(() => socket.destroy())
  return { socket, heard }
}

describe('a slow client of the HTTP door', () => {
  it.each([
    ['its headers', [POST]],
    ['its body', [`${POST}Content-Length: 10\r\n\r\n`, '{']],
  ])('that does not end %s is sent away', async (_, words) => {
    const { port, begun, server } = await open('HTTP', { readTimeout: 300 })
    const { heard } = say(port, ...words)
    await eventually(() => heard.closed)
    expect(heard.text).toMatch(/^HTTP\/1\.1 408 /)
    expect(begun).toEqual([])
    await eventually(() => server.openConnections === 0)
  })

  it('that does not end its body over HTTP/2 is sent away', async () => {
    const clock = new FakeClock()
    // That of the handshake of TLS is the system's time.
    const readTimeout = 100_000
    const { port, begun, refused } = await open('HTTP', { clock, readTimeout, tls })
    const session = http2.connect(`https://localhost:${port}`, { ca: tls.ca })
    closing.push(() => session.destroy())
    const stream = session.request({ ':method': 'POST', ':path': PATH, 'content-type': 'application/json' })
    stream.on('error', () => {})
    stream.write('{')
    await heard(session)
    await eventually(async () => {
      await clock.advance(readTimeout)
      return stream.closed
    })
    expect({ begun, refused }).toEqual({ begun: [], refused: ['read_timeout'] })
  })

  it.each(['gRPC', 'HTTP'] as const)('of TLS at the %s door that says no hello is sent away', async (kind) => {
    const { port, server } = await open(kind, { readTimeout: 300, tls })
    const { heard } = say(port)
    await eventually(() => heard.closed && server.openConnections === 0)
  })
})

describe('a large request at the HTTP door', () => {
  it('of 40 MB is refused', async () => {
    const { port, begun } = await open('HTTP')
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ model: 'm'.repeat(40_000_000) })
    const reply = await fetch(`http://127.0.0.1:${port}${PATH}`, { method: 'POST', headers, body }).catch(
      () => undefined,
    )
    expect(reply?.status).not.toBe(200)
    expect(begun).toEqual([])
  })

  it('with a flood of headers is refused', async () => {
    const { port, begun } = await open('HTTP')
    const { heard } = say(port, `${POST}X-Flood: ${'x'.repeat(70_000)}\r\n\r\n`)
    await eventually(() => heard.closed)
    expect(heard.text).toMatch(/^HTTP\/1\.1 431 /)
    expect(begun).toEqual([])
  })
})

it('connections of the HTTP door are limited', async () => {
  const { port, server, refused } = await open('HTTP', { maxConnectionsPerAddress: 2 })
  const held = [say(port), say(port)]
  await eventually(() => server.openConnections === 2)
  const beyond = say(port, 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n')
  await eventually(() => beyond.heard.closed)
  expect({ text: beyond.heard.text, refused }).toEqual({ text: '', refused: ['connections_per_address'] })
  held[0]?.socket.destroy()
  await eventually(() => server.openConnections === 1)
  const { heard } = say(port, 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n')
  await eventually(() => heard.text.includes('200 OK'))
})

describe('through a load balancer', () => {
  const line = 'PROXY TCP4 203.0.113.7 10.0.0.1 4711 443\r\n'

  it('the HTTP door knows its callers, however the line is packed', async () => {
    const { port, begun, server } = await open('HTTP', { trustedProxies: ['127.0.0.0/8'] })
    const request = `${POST}Content-Length: 2\r\n\r\n{}`
    const together = say(port, `${line}${request}`)
    await eventually(() => together.heard.text.includes('fine'))
    const before = server.openConnections
    const apart = say(port, line)
    await eventually(() => server.openConnections > before)
    apart.socket.write(request)
    await eventually(() => apart.heard.text.includes('fine'))
    expect(begun.map(({ peer }) => peer)).toEqual(['203.0.113.7:4711', '203.0.113.7:4711'])
  })

  it.each(['gRPC', 'HTTP'] as const)('the %s door knows them under TLS', async (kind) => {
    const { port, begun } = await open(kind, { trustedProxies: ['127.0.0.0/8'], tls })
    const { socket } = say(port, line)
    const secure = connectTls({ socket, host: 'localhost', ca: tls.ca, ALPNProtocols: ['h2'] })
    const session = http2.connect('https://localhost', { createConnection: () => secure })
    session.on('error', () => {})
    closing.push(() => session.destroy())
    const [type, body] = kind === 'gRPC' ? ['application/grpc', Buffer.alloc(5)] : ['application/json', '{}']
    const stream = session.request({ ':method': 'POST', ':path': PATH, 'content-type': type })
    stream.on('error', () => {})
    stream.end(body)
    await eventually(() => begun.length === 1)
    expect(begun[0]?.peer).toBe('203.0.113.7:4711')
  })
})
