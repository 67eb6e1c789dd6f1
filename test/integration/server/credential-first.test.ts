import http2 from 'node:http2'
import { afterEach, describe, expect, it } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { CHAT_PATH, keys, openGuarded, rawHttp } from './guarded-servers.ts'

/* The credential is checked before any of the body is read, while another caller keeps asking. */

const closing: (() => unknown)[] = []
const POST = `POST ${CHAT_PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n`
const LARGE = 15_900_000

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

function session(port: number) {
  const connection = http2.connect(`http://127.0.0.1:${port}`)
  closing.push(() => connection.destroy())
  return {
    connection,
    /** Begins a call whose body never ends. */
    begin(headers: Readonly<Record<string, string>> = {}) {
      const stream = connection.request({
        ':method': 'POST',
        ':path': CHAT_PATH,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...headers,
      })
      stream.on('error', () => {})
      const answer = new Promise<http2.IncomingHttpHeaders>((resolve) => stream.once('response', resolve))
      const closed = new Promise<number>((resolve) => stream.once('close', () => resolve(stream.rstCode)))
      stream.resume()
      return { stream, answer, closed }
    },
  }
}

describe('row 5: an upload without a credential at the gRPC server', () => {
  it('is answered with trailers only and closed before its body', async () => {
    const { port, begun, refused, ask } = await openGuarded('gRPC', closing)
    const { begin } = session(port)
    const calls = Array.from({ length: 20 }, () => begin())
    for (const { stream } of calls) stream.write(Buffer.alloc(200_000))
    expect(await ask()).toBe(true)
    for (const { answer, closed } of calls) {
      expect(await answer).toMatchObject({ ':status': 200, 'grpc-status': '16' })
      expect(await closed).toBe(http2.constants.NGHTTP2_NO_ERROR)
    }
    expect(begun).toEqual(['bob'])
    expect(refused).toEqual(Array.from({ length: 20 }, () => 'credential'))
  })

  it('does not end its connection, which others may share', async () => {
    const { port, begun } = await openGuarded('gRPC', closing)
    const { begin, connection } = session(port)
    await begin({ authorization: 'Bearer wrong' }).closed
    const { stream, answer } = begin({ authorization: `Bearer ${keys.alice}` })
    stream.end(Buffer.alloc(5))
    expect(await answer).toMatchObject({ ':status': 200, 'content-type': 'application/grpc+proto' })
    await eventually(() => begun.length === 1)
    expect([begun, connection.closed]).toEqual([['alice'], false])
  })

  it('of a method that does not exist is refused alike', async () => {
    const { port } = await openGuarded('gRPC', closing)
    const { answer } = session(port).begin({ ':path': '/llmgateway.v1.LlmGateway/None' })
    expect(await answer).toMatchObject({ 'grpc-status': '16' })
  })
})

describe('row 6: a body without a credential at the HTTP server', () => {
  it('is answered at once and its connection closed', async () => {
    const { port, begun, refused, ask } = await openGuarded('HTTP', closing)
    const uploads = Array.from({ length: 20 }, () =>
      rawHttp(port, closing, `${POST}Content-Length: ${LARGE}\r\n\r\n`, 'x'.repeat(1000)),
    )
    expect(await ask()).toBe(true)
    for (const { received } of uploads) {
      await eventually(() => received.closed)
      expect(received.text).toMatch(/^HTTP\/1\.1 401 /)
      expect(received.text.toLowerCase()).toContain('connection: close')
      expect(received.text).toContain('"code":"unauthenticated"')
    }
    expect(begun).toEqual(['bob'])
    expect(refused).toHaveLength(20)
  })

  it('is not asked for with 100 Continue', async () => {
    const { port } = await openGuarded('HTTP', closing)
    const { received } = rawHttp(port, closing, `${POST}Content-Length: ${LARGE}\r\nExpect: 100-continue\r\n\r\n`)
    await eventually(() => received.closed)
    expect(received.text).toMatch(/^HTTP\/1\.1 401 /)
  })

  it('is asked for with 100 Continue when the credential is good', async () => {
    const { port, begun } = await openGuarded('HTTP', closing)
    const headers = `${POST}X-Api-Key: ${keys.alice}\r\nContent-Length: 13\r\nExpect: 100-continue\r\n\r\n`
    const { received, socket } = rawHttp(port, closing, headers)
    await eventually(() => received.text.startsWith('HTTP/1.1 100 Continue'))
    socket.write('{"model":"m"}')
    await eventually(() => received.text.includes('HTTP/1.1 200 OK'))
    expect(begun).toEqual(['alice'])
  })

  it('is not needed for a preflight and for health', async () => {
    const { port } = await openGuarded('HTTP', closing, { corsOrigins: ['https://app.test'] })
    const url = `http://127.0.0.1:${port}`
    const headers = { origin: 'https://app.test', 'access-control-request-method': 'POST' }
    expect((await fetch(`${url}${CHAT_PATH}`, { method: 'OPTIONS', headers })).status).toBe(204)
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    const check = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }
    expect((await fetch(`${url}/grpc.health.v1.Health/Check`, check)).status).toBe(200)
  })
})

describe.each(['gRPC', 'HTTP'] as const)('row 12: guessed keys at the %s server', (kind) => {
  it('are answered later and later, and a valid key from the same address never', async () => {
    const { port, clock, ask, refused } = await openGuarded(kind, closing)
    const guess = () => {
      if (kind === 'gRPC') return session(port).begin({ authorization: 'Bearer wrong' }).answer
      const headers = { 'content-type': 'application/json', 'x-api-key': 'wrong' }
      return fetch(`http://127.0.0.1:${port}${CHAT_PATH}`, { method: 'POST', headers, body: '{}' })
    }
    await Promise.all(Array.from({ length: 20 }, guess))
    expect(refused).toHaveLength(20)
    const late = Array.from({ length: 30 }, guess)
    await eventually(() => clock.waiting === 30)
    expect(await ask()).toBe(true)
    expect(refused).toHaveLength(20)
    await clock.advance(1000)
    await Promise.all(late)
    expect(refused).toHaveLength(50)
  })

  it('wait at most 64 at once', async () => {
    const { port, clock, refused } = await openGuarded(kind, closing)
    const guess = async () => {
      if (kind === 'gRPC') return session(port).begin({ authorization: 'Bearer wrong' }).answer
      const headers = { 'content-type': 'application/json', 'x-api-key': 'wrong' }
      return fetch(`http://127.0.0.1:${port}${CHAT_PATH}`, { method: 'POST', headers, body: '{}' })
    }
    const guesses = Array.from({ length: 120 }, guess)
    await eventually(() => refused.length === 120 - 64)
    expect(clock.waiting).toBe(64)
    await clock.advance(1000)
    await Promise.all(guesses)
  })
})
