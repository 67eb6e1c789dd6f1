import { gzipSync } from 'node:zlib'
import { create, toBinary } from '@bufbuild/protobuf'
import { afterEach, expect, it } from 'vitest'
import { ChatRequestSchema } from '../../../../src/domain/types.ts'
import { HttpServer } from '../../../../src/server/http/http-server.ts'
import { message } from '../../../support/raw-http2.ts'
import { serverOptions } from '../../../support/server-options.ts'
import { chatResponse, TestStream } from '../../../support/test-stream.ts'

/* What is done with the body of a request before Connect has it. */

const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function open() {
  const { options } = serverOptions(
    {
      chat: async ({ model }) => chatResponse(`${model.length}`),
      streamChat: async (_request, context) => new TestStream(context).say('fine').finish().events,
    },
    { maxReceiveBytes: 1_000_000, maxCompressedCalls: 1, readTimeout: 100_000 },
  )
  const server = new HttpServer({ ...options, ready: () => true })
  const port = await server.listen()
  closing.push(() => server.drain(0))
  return async (type: string, body: Buffer | ReadableStream, headers: Record<string, string> = {}, method = 'Chat') => {
    const init: RequestInit & { duplex: 'half' } = {
      method: 'POST',
      headers: { 'content-type': `application/${type}`, ...headers },
      body: body instanceof Buffer ? new Uint8Array(body) : body,
      duplex: 'half',
    }
    const response = await fetch(`http://127.0.0.1:${port}/llmgateway.v1.LlmGateway/${method}`, init)
    return { status: response.status, text: await response.text() }
  }
}

const asks = (length: number) => create(ChatRequestSchema, { model: 'm'.repeat(length) })
const proto = (length: number) => Buffer.from(toBinary(ChatRequestSchema, asks(length)))
const json = (length: number) => Buffer.from(`{"model":"${'m'.repeat(length)}"}`)
const gzip = { 'content-encoding': 'gzip' }

it.each<[string, string, Buffer, Record<string, string>]>([
  ['small JSON', 'json', json(9), {}],
  ['large JSON', 'json', json(900_000), {}],
  ['large protobuf', 'proto', proto(900_000), {}],
  ['packed JSON', 'json', gzipSync(json(9)), gzip],
  ['packed protobuf', 'proto', gzipSync(proto(900_000)), gzip],
  ['gRPC-Web', 'grpc-web+proto', message(proto(900_000)), {}],
  ['packed gRPC-Web', 'grpc-web', message(gzipSync(proto(900_000)), true), { 'grpc-encoding': 'gzip' }],
  ['gRPC-Web that could be packed and is not', 'grpc-web', message(proto(9)), { 'grpc-encoding': 'gzip' }],
])('%s arrives as it was', async (_, type, body, headers) => {
  const send = await open()
  const { status, text } = await send(type, body, headers)
  expect(status).toBe(200)
  expect(text).toMatch(/900000|9/)
  expect(text).not.toContain('grpc-status: 3')
})

it('a stream is asked for by packed JSON', async () => {
  const send = await open()
  const body = message(gzipSync(json(9)), true)
  const { text } = await send('connect+json', body, { 'connect-content-encoding': 'gzip' }, 'StreamChat')
  expect(text).toContain('fine')
})

it('what comes in pieces of one byte is joined', async () => {
  const send = await open()
  const pieces = new ReadableStream({
    start(controller) {
      for (const byte of json(5_000)) controller.enqueue(Buffer.from([byte]))
      controller.close()
    },
  })
  expect((await send('json', pieces)).text).toContain('5000')
})

const MANY = `{"stop":[${'"",'.repeat(70_000)}""]}`

it.each<[string, string, Buffer, Record<string, string>]>([
  ['JSON', 'json', Buffer.from(MANY), {}],
  ['packed JSON', 'json', gzipSync(MANY), gzip],
  ['protobuf', 'proto', Buffer.alloc(200_000, Buffer.from('1a00', 'hex')), {}],
])('%s of too many fields is refused, and the reason said', async (_, type, body, headers) => {
  const send = await open()
  const { status, text } = await send(type, body, headers)
  expect(status).toBe(400)
  expect(JSON.parse(text)).toMatchObject({ code: 'invalid_argument', message: expect.stringContaining('65536 fields') })
})

const LONG = '1'.repeat(100_000)

it.each<[string, string, Buffer]>([
  ['a number of 100,000 digits as a text', 'json', Buffer.from(`{"seed":"${LONG}"}`)],
  ['a number of 100,000 digits', 'json', Buffer.from(`{"seed":${LONG}}`)],
  ['a field name of 100,000 letters', 'json', Buffer.from(`{"${LONG}":1}`)],
  ['a number that is written as a text', 'proto', Buffer.from('32021a00', 'hex')],
])('%s is refused in a few words', async (_, type, body) => {
  const send = await open()
  const { status, text } = await send(type, body)
  expect(status).toBe(400)
  const { code, message: words } = JSON.parse(text)
  expect(code).toBe('invalid_argument')
  expect(words.length).toBeLessThan(300)
})

const BAD = Buffer.from('32021a00', 'hex')

it.each<[string, Buffer, string]>([
  ['two messages', Buffer.concat([message(proto(9)), message(BAD)]), 'The call takes one message.'],
  [
    'a message and more than the limit',
    Buffer.concat([message(BAD), Buffer.alloc(1_100_000)]),
    'The call takes one message.',
  ],
  ['unknown flags', Buffer.concat([Buffer.from([4]), message(BAD).subarray(1)]), 'The message has the flags 4.'],
  ['a message that is marked as packed and is not', message(BAD, true), 'do not know how to decompress'],
  ['a message that is cut off', message(BAD).subarray(0, 8), 'incomplete'],
  ['a wrong wire type', message(BAD), 'has wire type 2, not 0'],
])('a stream that is asked for with %s is refused, undecoded', async (_, body, words) => {
  const send = await open()
  const { text } = await send('connect+proto', body, {}, 'StreamChat')
  expect(text).toContain(words)
  expect(text).not.toContain('fine')
})

it.each([
  ['too large', json(1_000_001), {}, 'resource_exhausted'],
  ['too large once it is unpacked', gzipSync(json(1_000_001)), gzip, 'resource_exhausted'],
  ['said to be packed and is not', json(9), gzip, 'invalid_argument'],
  ['packed in another way', json(9), { 'content-encoding': 'br' }, 'unimplemented'],
])('what is %s is refused', async (_, body, headers, code) => {
  const send = await open()
  expect(JSON.parse((await send('json', body, headers)).text)).toMatchObject({ code })
})

it('many that are packed wait for one another, and all are answered', async () => {
  const send = await open()
  const all = await Promise.all(Array.from({ length: 30 }, () => send('proto', gzipSync(proto(9)), gzip)))
  expect(new Set(all.map(({ status }) => status))).toEqual(new Set([200]))
})
