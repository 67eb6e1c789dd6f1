import http2 from 'node:http2'
import https from 'node:https'
import { createClient } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'
import { afterEach, describe, expect, it } from 'vitest'
import { LlmGateway } from '../../../../src/domain/types.ts'
import { HttpServer } from '../../../../src/server/http/http-server.ts'
import type { Methods } from '../../../../src/service/method-types.ts'
import { eventually } from '../../../support/eventually.ts'
import { serverOptions } from '../../../support/server-options.ts'
import { chatResponse, TestStream } from '../../../support/test-stream.ts'
import { makeTlsFiles } from '../../../support/tls-files.ts'

const files = makeTlsFiles()
const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function open(some: Partial<Methods>, clientCa?: Buffer) {
  const { options } = serverOptions(some, { tls: { cert: files.cert, key: files.key, clientCa } })
  const server = new HttpServer({ ...options, ready: () => true })
  const port = await server.listen()
  closing.push(() => server.drain(0))
  return { server, port, baseUrl: `https://localhost:${port}` }
}

function clientOf(baseUrl: string, own: { cert?: Buffer; key?: Buffer } = {}) {
  return createClient(
    LlmGateway,
    createConnectTransport({ baseUrl, httpVersion: '2', nodeOptions: { ca: files.ca, ...own } }),
  )
}

function get(port: number, path: string) {
  return new Promise<{ status: number | undefined; headers: NodeJS.Dict<string | string[]> }>((resolve, reject) => {
    const request = https.get({ host: 'localhost', port, path, ca: files.ca, agent: false }, (response) => {
      response.resume()
      resolve({ status: response.statusCode, headers: response.headers })
    })
    request.on('error', reject)
  })
}

describe('the HTTP door under TLS', () => {
  it('speaks HTTP/2', async () => {
    const { baseUrl } = await open({
      streamChat: async (_request, context) => new TestStream(context).say('hel', 'lo').finish().events,
    })
    let count = 0
    for await (const _ of clientOf(baseUrl).streamChat({})) count++
    expect(count).toBe(3)
  })

  it('speaks HTTP/1.1, and asks browsers to stay with TLS', async () => {
    const { port } = await open({})
    const { status, headers } = await get(port, '/healthz')
    expect(status).toBe(200)
    expect(headers['strict-transport-security']).toBe('max-age=31536000')
  })

  it('asks for a certificate when a client authority is given', async () => {
    const { baseUrl } = await open({ chat: async () => chatResponse('sealed') }, files.ca)
    await expect(clientOf(baseUrl).chat({})).rejects.toThrow()
    const response = await clientOf(baseUrl, { cert: files.cert, key: files.key }).chat({})
    expect(response.message?.content).toBe('sealed')
  })

  it('cancels a call whose stream is reset', async () => {
    let stream: TestStream | undefined
    const { baseUrl, server } = await open({
      streamChat: async (_request, context) => {
        stream = new TestStream(context).say('hel')
        return stream.events
      },
    })
    const leaving = new AbortController()
    const events = clientOf(baseUrl).streamChat({}, { signal: leaving.signal })
    await events[Symbol.asyncIterator]().next()
    leaving.abort()
    await eventually(() => stream?.cancelledWith !== undefined && server.openCalls === 0)
    expect(stream?.cancelledWith).toMatchObject({ reason: 'CANCELLED' })
  })

  it('answers 400 to a bad authority and lives on', async () => {
    const { baseUrl, port } = await open({})
    for (const authority of ['[', 'a@b:99999']) {
      const session = http2.connect(baseUrl, { ca: files.ca })
      const stream = session.request({
        ':method': 'POST',
        ':path': '/llmgateway.v1.LlmGateway/Chat',
        ':authority': authority,
      })
      stream.on('error', () => {})
      stream.end('{}')
      const status = await new Promise((resolve) => {
        stream.on('response', (headers) => resolve(headers[':status']))
        stream.on('close', () => resolve(undefined))
      })
      session.destroy()
      expect([400, undefined]).toContain(status)
    }
    expect((await get(port, '/healthz')).status).toBe(200)
  })

  it('lets idle connections go when it drains', async () => {
    const { baseUrl, server, port } = await open({ chat: async () => chatResponse('') })
    await clientOf(baseUrl).chat({})
    await get(port, '/healthz')
    await server.drain(3_600_000)
  })

  it('ends what is left after the grace with UNAVAILABLE', async () => {
    const { baseUrl, server } = await open({ chat: () => new Promise(() => {}) })
    const answer = clientOf(baseUrl).chat({})
    const failed = expect(answer).rejects.toMatchObject({ code: 14 })
    await eventually(() => server.openCalls === 1)
    await server.drain(20)
    await failed
    expect(server.openCalls).toBe(0)
  })
})
