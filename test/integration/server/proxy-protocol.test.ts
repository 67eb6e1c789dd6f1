import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { CallContext } from '../../../src/domain/calls/call.ts'
import { GrpcServer } from '../../../src/server/grpc/grpc-server.ts'
import { HttpServer } from '../../../src/server/http/http-server.ts'
import { eventually } from '../../support/eventually.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { serverOptions } from '../../support/server-options.ts'
import { chatResponse } from '../../support/test-stream.ts'
import { CHAT_PATH, openGuarded, rawHttp } from './guarded-servers.ts'

/* Row 15: who may say where a connection comes from. */

const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function open(trustedProxies: readonly string[]) {
  const peers: string[] = []
  const chat = async (_request: unknown, { peer }: CallContext) => {
    peers.push(peer)
    return chatResponse('fine')
  }
  const { options } = serverOptions({ chat }, { trustedProxies })
  const server = new HttpServer({ ...options, ready: () => true })
  closing.push(() => server.drain(0))
  return { port: await server.listen(), peers }
}

const CALL = `POST ${CHAT_PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`

function version2(command: number, family: number, addresses: Buffer, extra = Buffer.alloc(0)): string {
  const head = Buffer.alloc(16)
  head.write('\r\n\r\n\0\r\nQUIT\n', 'latin1')
  head[12] = 0x20 | command
  head[13] = (family << 4) | 1
  head.writeUInt16BE(addresses.length + extra.length, 14)
  return Buffer.concat([head, addresses, extra]).toString('latin1')
}

const ipv4 = Buffer.from([192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x34, 0, 80])
const ipv6 = Buffer.concat([Buffer.from('20010db8000000000000000000000007', 'hex'), Buffer.alloc(16), ipv4.subarray(8)])

describe('a trusted load balancer', () => {
  it.each([
    ['version 1', 'PROXY TCP4 192.0.2.7 10.0.0.1 4660 80\r\n', '192.0.2.7:4660'],
    ['version 2 over IPv4', version2(1, 1, ipv4), '192.0.2.7:4660'],
    ['version 2 with further fields', version2(1, 1, ipv4, Buffer.from([4, 0, 1, 9])), '192.0.2.7:4660'],
    ['version 2 over IPv6', version2(1, 2, ipv6), '2001:db8:0:0:0:0:0:7:4660'],
  ])('says by %s whose connection it passes on', async (_, header, peer) => {
    const { port, peers } = await open(['127.0.0.0/8'])
    const { socket } = rawHttp(port, closing)
    // Byte by byte, as a header may arrive in parts.
    for (const byte of Buffer.from(header, 'latin1')) socket.write(Buffer.from([byte]))
    socket.write(CALL)
    await eventually(() => peers.length === 1)
    expect(peers).toEqual([peer])
  })

  it('may connect for itself with a LOCAL header', async () => {
    const { port, peers } = await open(['127.0.0.0/8'])
    const { socket } = rawHttp(port, closing)
    socket.write(Buffer.from(version2(0, 0, Buffer.alloc(0)), 'latin1'))
    socket.write(CALL)
    await eventually(() => peers.length === 1)
    expect(peers[0]).toMatch(/^127\.0\.0\.1:/)
  })

  it.each([
    ['of another version', version2(1, 1, ipv4).replace('\x21', '\x31')],
    ['of an unknown command', version2(5, 1, ipv4)],
    ['that is too long', version2(1, 1, ipv4, Buffer.alloc(5000))],
  ])('is reset for a header %s', async (_, header) => {
    const { port, peers } = await open(['127.0.0.0/8'])
    const { socket, received } = rawHttp(port, closing)
    socket.write(Buffer.from(header, 'latin1'))
    socket.write(CALL)
    await eventually(() => received.closed)
    expect(peers).toEqual([])
  })
})

describe('anybody else', () => {
  it('is not believed, and needs no header', async () => {
    const { port, peers } = await open(['192.0.2.0/24'])
    const liar = rawHttp(port, closing, 'PROXY TCP4 192.0.2.7 10.0.0.1 4660 80\r\n', CALL)
    await eventually(() => liar.received.closed)
    expect(liar.received.text).toMatch(/^HTTP\/1\.1 400 /)
    rawHttp(port, closing, CALL)
    await eventually(() => peers.length === 1)
    expect(peers[0]).toMatch(/^127\.0\.0\.1:/)
  })

  it('that sends a header to the gRPC server is disconnected', async () => {
    const { options } = serverOptions({}, { trustedProxies: ['192.0.2.0/24'] })
    const server = new GrpcServer(options)
    closing.push(() => server.drain(0))
    const socket = connect(await server.listen(), '127.0.0.1')
    closing.push(() => socket.destroy())
    socket.write('PROXY TCP4 192.0.2.7 10.0.0.1 4660 80\r\n')
    socket.resume()
    await new Promise((resolve) => socket.once('close', resolve))
  })
})

describe.each(['gRPC', 'HTTP'] as const)('row 15: a PROXY header at the %s server', (kind) => {
  const LINE = 'PROXY TCP4 192.0.2.7 10.0.0.1 4660 80\r\n'

  it.each([
    ['version 1', LINE],
    ['version 2', version2(1, 1, ipv4)],
  ])('of anybody in %s is not believed, and another caller is answered', async (_, header) => {
    const { port, ask, begun } = await openGuarded(kind, closing, { trustedProxies: ['192.0.2.0/24'] })
    const liars = Array.from({ length: 20 }, () => rawHttp(port, closing))
    for (const { socket } of liars) socket.write(Buffer.from(header + CALL, 'latin1'))
    expect(await ask()).toBe(true)
    for (const { received } of liars) await eventually(() => received.closed)
    expect(begun).toEqual(['bob'])
  })

  it('of a trusted balancer that does not end keeps nobody from being answered', async () => {
    const clock = new FakeClock()
    const trusted = { trustedProxies: ['127.0.0.0/8'], clock }
    const { port, refused } = await openGuarded(kind, closing, trusted)
    const half = Array.from({ length: 20 }, () => rawHttp(port, closing, LINE.slice(0, 20)))
    const { socket, received } = rawHttp(port, closing, LINE)
    socket.write(`GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    // The gRPC server names the port to use, which it does for whoever got through.
    await eventually(() => received.text.startsWith(kind === 'gRPC' ? 'HTTP/1.1 415' : 'HTTP/1.1 200'))
    await clock.passUntil(() => half.every(({ received: ofHalf }) => ofHalf.closed))
    expect(refused.filter((refusal) => refusal === 'proxy_line')).toHaveLength(20)
  })
})
