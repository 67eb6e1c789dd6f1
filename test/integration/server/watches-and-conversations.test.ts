import http2 from 'node:http2'
import { connect as connectTls } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { HealthCheckService, ServingStatus } from '../../../src/domain/types.ts'
import { defaultServerSettings } from '../../../src/server/settings.ts'
import type { Methods } from '../../../src/service/method-types.ts'
import { eventually } from '../../support/eventually.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { callFrame, frame, frames, message, RawHttp2 } from '../../support/raw-http2.ts'
import { TestClient } from '../../support/test-client.ts'
import { chatResponse } from '../../support/test-stream.ts'
import { makeTlsFiles } from '../../support/tls-files.ts'
import { CHAT_PATH, keys, openGuarded } from './guarded-servers.ts'

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
    const clock = new FakeClock()
    const { port, refused } = await openGuarded('gRPC', closing, { clock })
    const client = raw(port)
    client.send(callFrame(1, REFLECTION), frame(frames.DATA, 0, 1, message(Buffer.alloc(10), false, 1000)))
    await client.heard()
    await clock.advance(defaultServerSettings.readTimeout)
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

describe('row 10: of 1,001 health watches of one client the oldest gives way, and another caller is answered', () => {
  it('at the gRPC server', async () => {
    const { port, ask } = await openGuarded('gRPC', closing, { maxStreams: 2000 })
    const client = new TestClient(port)
    closing.push(() => client.close())
    const watches = Array.from({ length: 1001 }, () => client.stream(HealthCheckService.method.watch, {}))
    expect(await ask()).toBe(true)
    const { message: text } = await Promise.race(watches.map(({ ending }) => ending))
    expect(text).toContain('Use Check')
    const { response } = await client.unary(HealthCheckService.method.check, {}).answer
    expect(response?.status).toBe(ServingStatus.NOT_SERVING)
    await eventually(() => watches.filter(({ messages }) => messages.length > 0).length >= 1000)
  })

  it('at the HTTP server', async () => {
    const tls = makeTlsFiles()
    const { port, ask } = await openGuarded('HTTP', closing, { maxStreams: 2000, tls })
    const session = http2.connect(`https://localhost:${port}`, { ca: tls.ca })
    closing.push(() => session.destroy())
    const texts: string[] = []
    for (let count = 0; count < 1001; count++) {
      const headers = { 'content-type': 'application/connect+json' }
      const stream = session.request({ ':method': 'POST', ':path': '/grpc.health.v1.Health/Watch', ...headers })
      let text = ''
      stream.on('error', () => {})
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1')
      })
      stream.on('end', () => texts.push(text))
      stream.end(message(Buffer.from('{}')))
    }
    expect(await ask('bob', { ca: tls.ca })).toBe(true)
    await eventually(() => texts.length > 0)
    expect(texts).toHaveLength(1)
    expect(texts[0]).toContain('Use Check')
  })
})

describe.each(['gRPC', 'HTTP'] as const)('row 13: HTTP/2 at the %s server with TLS', (kind) => {
  const tls = makeTlsFiles()
  const bodies = { gRPC: message(Buffer.alloc(0)), HTTP: '{}' }
  const ofKind = { gRPC: 'application/grpc', HTTP: 'application/json' }

  it('is closed when it says nothing, and another caller is answered', async () => {
    const clock = new FakeClock()
    // That of the handshake of TLS is the system's time.
    const readTimeout = 100_000
    const { port, ask, refused } = await openGuarded(kind, closing, { tls, clock, readTimeout })
    const silent = Array.from({ length: 100 }, () =>
      connectTls({ port, host: 'localhost', ca: tls.ca, ALPNProtocols: ['h2'] }).on('error', () => {}),
    )
    closing.push(() => silent.forEach((socket) => void socket.destroy()))
    const closed = silent.map((socket) => new Promise((resolve) => socket.resume().once('close', resolve)))
    expect(await ask('bob', { ca: tls.ca })).toBe(true)
    await eventually(async () => {
      await clock.advance(readTimeout)
      return refused.length >= 100
    })
    await Promise.all(closed)
    expect(refused).toEqual(Array.from({ length: 100 }, () => 'handshake'))
  })

  it('is closed when its calls are reset again and again, and another caller is answered', async () => {
    // What is answered before it is reset does not count.
    const chat: Methods['chat'] = (_request, { caller }) =>
      caller?.name === 'alice' ? new Promise(() => {}) : Promise.resolve(chatResponse('fine'))
    const { port, refused, ask } = await openGuarded(kind, closing, { tls, maxResets: 20, methods: { chat } })
    const session = http2.connect(`https://localhost:${port}`, { ca: tls.ca })
    session.on('error', () => {})
    closing.push(() => session.destroy())
    await new Promise((resolve) => session.once('connect', resolve))
    const headers = { 'content-type': ofKind[kind], authorization: `Bearer ${keys.alice}` }
    for (let count = 0; count < 100 && !session.destroyed; count++) {
      const stream = session.request({ ':method': 'POST', ':path': CHAT_PATH, ...headers })
      stream.on('error', () => {})
      stream.end(bodies[kind])
      await new Promise((resolve) => setImmediate(resolve))
      stream.close(http2.constants.NGHTTP2_CANCEL)
      if (count === 10) expect(await ask('bob', { ca: tls.ca })).toBe(true)
    }
    await eventually(() => refused.length > 0)
    expect(refused).toEqual(['resets'])
    expect(await ask('bob', { ca: tls.ca })).toBe(true)
  })
})
