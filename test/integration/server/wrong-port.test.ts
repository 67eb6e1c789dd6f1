import { connect as connectHttp2 } from 'node:http2'
import { connect as connectSocket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import * as grpc from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from 'vitest'
import { LlmGateway } from '../../../src/domain/types.ts'
import { GrpcServer } from '../../../src/server/grpc/grpc-server.ts'
import { HttpServer } from '../../../src/server/http/http-server.ts'
import type { Refusal } from '../../../src/server/refusals.ts'
import type { ServerOptions } from '../../../src/server/server-options.ts'
import { serverOptions } from '../../support/server-options.ts'
import { TestClient } from '../../support/test-client.ts'
import { chatResponse } from '../../support/test-stream.ts'
import { makeTlsFiles } from '../../support/tls-files.ts'

const USE_GRPC = 'This is the HTTP port of the gateway. Send gRPC calls to port 50051.'
const USE_HTTP = 'This is the gRPC port of the gateway. Send HTTP, Connect and gRPC-Web requests to port 8080.'

const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function openHttp(rest: Partial<ServerOptions> = {}) {
  const refused: Refusal[] = []
  const onRefused = (refusal: Refusal) => refused.push(refusal)
  const { options } = serverOptions({ chat: async () => chatResponse('fine') }, { onRefused, ...rest })
  const server = new HttpServer({ otherAddress: '0.0.0.0:50051', ...options, ready: () => true })
  const port = await server.listen()
  closing.push(() => server.drain(0))
  return { port, refused }
}

async function openGrpc(rest: Partial<ServerOptions> = {}) {
  const refused: Refusal[] = []
  const onRefused = (refusal: Refusal) => refused.push(refusal)
  const { options } = serverOptions({ chat: async () => chatResponse('fine') }, { onRefused, ...rest })
  const server = new GrpcServer({ otherAddress: '0.0.0.0:8080', ...options })
  const port = await server.listen()
  closing.push(() => server.drain(0))
  return { port, refused }
}

/** Everything that a server sends to these bytes until it closes the connection. */
function sent(port: number, ...pieces: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectSocket(port, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
    for (const piece of pieces) socket.write(piece)
  })
}

describe('a gRPC client at the HTTP port', () => {
  it('gets a status that names the port, call after call', async () => {
    const { port, refused } = await openHttp()
    const client = new TestClient(port)
    closing.push(() => client.close())
    for (let call = 0; call < 2; call++) {
      const { ending } = await client.unary(LlmGateway.method.chat, {}).answer
      expect(ending).toMatchObject({ code: grpc.status.UNIMPLEMENTED, message: USE_GRPC })
    }
    expect(new Set(refused)).toEqual(new Set(['wrong_port']))
  })

  it('gets it under TLS as well', async () => {
    const { ca, cert, key } = makeTlsFiles()
    const { port } = await openHttp({ tls: { cert, key } })
    const client = new TestClient(port, grpc.credentials.createSsl(ca))
    closing.push(() => client.close())
    const { ending } = await client.unary(LlmGateway.method.chat, {}).answer
    expect(ending).toMatchObject({ code: grpc.status.UNIMPLEMENTED, message: USE_GRPC })
  })

  it('is not given a port that the configuration does not have', async () => {
    const { port } = await openHttp({ otherAddress: '0.0.0.0:0' })
    const client = new TestClient(port)
    closing.push(() => client.close())
    const { ending } = await client.unary(LlmGateway.method.chat, {}).answer
    expect(ending.message).toBe('This is the HTTP port of the gateway. Send gRPC calls to its gRPC port.')
  })

  it('leaves HTTP/1.1 as it was, also in pieces of a few bytes', async () => {
    const { port } = await openHttp()
    const answer = await fetch(`http://127.0.0.1:${port}/healthz`)
    expect(await answer.text()).toBe('ok\n')
    expect(await sent(port, 'G', 'ET /healthz HTTP/1.1\r\n', 'host: a\r\nconnection: close\r\n\r\n')).toContain('ok\n')
  })
})

describe('an HTTP client at the gRPC port', () => {
  it.each(['GET / HTTP/1.1\r\nhost: a\r\n\r\n', 'POST /llmgateway.v1.LlmGateway/Chat HTTP/1.1\r\nhost: a\r\n\r\n'])(
    'gets a response that names the port: %j',
    async (request) => {
      const { port, refused } = await openGrpc()
      const text = await sent(port, request)
      expect(text).toMatch(/^HTTP\/1\.1 415 /)
      expect(text).toContain(USE_HTTP)
      expect(refused).toEqual(['wrong_port'])
    },
  )

  it('is shown the sentence by fetch', async () => {
    const { port } = await openGrpc()
    const response = await fetch(`http://127.0.0.1:${port}/llmgateway.v1.LlmGateway/Chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    expect(await response.json()).toEqual({ code: 'unimplemented', message: USE_HTTP })
  })

  it.each(['application/json', 'application/grpc-web+proto', 'application/connect+json'])(
    'gets it over HTTP/2 as well: %s',
    async (type) => {
      const { port, refused } = await openGrpc()
      const session = connectHttp2(`http://127.0.0.1:${port}`)
      closing.push(() => session.destroy())
      const stream = session.request({
        ':method': 'POST',
        ':path': '/llmgateway.v1.LlmGateway/Chat',
        'content-type': type,
      })
      stream.end('{}')
      const status = new Promise((resolve) => stream.on('response', (headers) => resolve(headers[':status'])))
      let text = ''
      for await (const chunk of stream) text += chunk
      expect(await status).toBe(415)
      expect(JSON.parse(text)).toEqual({ code: 'unimplemented', message: USE_HTTP })
      expect(refused).toEqual(['wrong_port'])
    },
  )

  it('gets it under TLS as well, if it does not negotiate HTTP/2', async () => {
    const { ca, cert, key } = makeTlsFiles()
    const { port } = await openGrpc({ tls: { cert, key } })
    const text = await new Promise<string>((resolve) => {
      const socket = connectTls({ port, host: '127.0.0.1', ca })
      let read = ''
      socket.on('data', (chunk) => {
        read += chunk.toString()
      })
      socket.on('error', () => {})
      socket.on('close', () => resolve(read))
      socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    })
    expect(text).toContain(USE_HTTP)
  })
})

it('a connection that says nothing is closed at the gRPC port', async () => {
  const { port, refused } = await openGrpc({ readTimeout: 50 })
  expect(await sent(port)).toBe('')
  expect(refused).toEqual(['handshake'])
})
