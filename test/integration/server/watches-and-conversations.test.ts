import http2 from 'node:http2'
import { afterEach, describe, expect, it } from 'vitest'
import { HealthCheckService, ServingStatus } from '../../../src/domain/types.ts'
import { HttpServer } from '../../../src/server/http/http-server.ts'
import { eventually } from '../../support/eventually.ts'
import { callFrame, frame, frames, message, RawHttp2 } from '../../support/raw-http2.ts'
import { serverOptions } from '../../support/server-options.ts'
import { TestClient } from '../../support/test-client.ts'
import { makeTlsFiles } from '../../support/tls-files.ts'
import { CHAT_PATH, openGuarded } from './guarded-servers.ts'

/* What needs no credential and lasts is bounded, while another caller keeps asking. */

const REFLECTION = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo'
const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

function raw(port: number): RawHttp2 {
  const client = new RawHttp2(port)
  closing.push(() => client.close())
  return client
}

describe('row 3: a conversation of reflection', () => {
  it('is closed when it announces a large message', async () => {
    const { port, ask, refused } = await openGuarded('gRPC', closing)
    const client = raw(port)
    for (let stream = 1; stream < 120; stream += 2) {
      client.send(
        callFrame(stream, REFLECTION),
        frame(frames.DATA, 0, stream, message(Buffer.alloc(100), false, 15_500_000)),
      )
    }
    await eventually(() => client.resets.size === 60)
    expect([...new Set(client.resets.values())]).toEqual([http2.constants.NGHTTP2_ENHANCE_YOUR_CALM])
    expect(refused).toEqual(Array.from({ length: 60 }, () => 'conversations'))
    expect(await ask()).toBe(true)
  })

  it('is closed when its message does not arrive in time', async () => {
    const { port, refused } = await openGuarded('gRPC', closing, { readTimeout: 100 })
    const client = raw(port)
    client.send(callFrame(1, REFLECTION), frame(frames.DATA, 0, 1, message(Buffer.alloc(10), false, 1000)))
    await eventually(() => client.resets.has(1))
    expect(refused).toEqual(['conversations'])
  })

  it('gives way, the oldest first, when one client holds too many', async () => {
    const { port } = await openGuarded('gRPC', closing)
    const client = raw(port)
    for (let stream = 1; stream < 2 * 70; stream += 2) client.send(callFrame(stream, REFLECTION))
    await eventually(() => client.resets.size === 6)
    expect([...client.resets.keys()]).toEqual([1, 3, 5, 7, 9, 11])
  })
})

it('row 10: of 1,001 health watches of one client the oldest gives way, and Check is answered', async () => {
  const { port } = await openGuarded('gRPC', closing, { maxStreams: 2000 })
  const client = new TestClient(port)
  closing.push(() => client.close())
  const watches = Array.from({ length: 1001 }, () => client.stream(HealthCheckService.method.watch, {}))
  const { message: text } = await Promise.race(watches.map(({ ending }) => ending))
  expect(text).toContain('Use Check')
  const { response } = await client.unary(HealthCheckService.method.check, {}).answer
  expect(response?.status).toBe(ServingStatus.NOT_SERVING)
  expect(watches.filter(({ messages }) => messages.length > 0).length).toBeGreaterThanOrEqual(1000)
})

describe('row 13: HTTP/2 at the HTTP server with TLS', () => {
  const tls = makeTlsFiles()

  async function open(rest: { readonly maxResets?: number; readonly readTimeout?: number }) {
    const refused: string[] = []
    const { options } = serverOptions({}, { tls, onRefused: (refusal) => refused.push(refusal), ...rest })
    const server = new HttpServer({ ...options, ready: () => true })
    const port = await server.listen()
    closing.push(() => server.drain(0))
    return { port, refused, server }
  }

  it('is closed when its calls are reset again and again', async () => {
    const { port, refused, server } = await open({ maxResets: 20 })
    const session = http2.connect(`https://localhost:${port}`, { ca: tls.ca })
    session.on('error', () => {})
    closing.push(() => session.destroy())
    await new Promise((resolve) => session.once('connect', resolve))
    for (let count = 0; count < 100 && !session.destroyed; count++) {
      const stream = session.request({ ':method': 'POST', ':path': CHAT_PATH, 'content-type': 'application/json' })
      stream.on('error', () => {})
      await new Promise((resolve) => setImmediate(resolve))
      stream.close(http2.constants.NGHTTP2_CANCEL)
    }
    await eventually(() => server.openConnections === 0)
    expect(refused).toEqual(['resets'])
  })
})
