import http2 from 'node:http2'
import { connect } from 'node:net'
import { create, toBinary } from '@bufbuild/protobuf'
import { afterEach, describe, expect, it } from 'vitest'
import { ByteBudget } from '../../../src/domain/limits/byte-budget.ts'
import { ChatRequestSchema } from '../../../src/domain/types.ts'
import { eventually } from '../../support/eventually.ts'
import { callFrame, flags, frame, frames, message, RawHttp2 } from '../../support/raw-http2.ts'
import { chatResponse, TestStream } from '../../support/test-stream.ts'
import { makeTlsFiles } from '../../support/tls-files.ts'
import { CHAT_PATH, type GuardedOptions, keys, openGuarded, type ServerKind } from './guarded-servers.ts'

/* Replies that a caller asks for and does not read, while another caller keeps asking. */

const MiB = 2 ** 20
const LIMIT = 16 * MiB
const STREAM_PATH = '/llmgateway.v1.LlmGateway/StreamChat'
const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** A server whose answers to alice are large. */
async function open(kind: ServerKind, { size = 3 * MiB, ...rest }: GuardedOptions & { readonly size?: number } = {}) {
  const replies = new ByteBudget(LIMIT)
  const left: string[] = []
  const server = await openGuarded(kind, closing, {
    methods: {
      chat: async (_request, { caller }) => chatResponse('x'.repeat(caller?.name === 'alice' ? size : 1)),
      streamChat: async (_request, context) => {
        context.cancellation.add({ cancel: ({ reason }) => left.push(reason) })
        return new TestStream(context).say('x'.repeat(size)).events
      },
    },
    replies,
    ...rest,
  })
  return { ...server, replies, left }
}

/** Asks as alice over HTTP/2 in cleartext with a window that stays shut. */
function shutWindow(port: number, path: string) {
  const client = new RawHttp2(port, { window: 0 })
  closing.push(() => client.close())
  const ask = (stream: number) => {
    const authorization = ['authorization', `Bearer ${keys.alice}`] as const
    const body = message(Buffer.from(toBinary(ChatRequestSchema, create(ChatRequestSchema, { model: 'm' }))))
    client.send(callFrame(stream, path, [authorization]), frame(frames.DATA, flags.END_STREAM, stream, body))
  }
  return { client, ask }
}

describe('replies at the gRPC server', () => {
  it.each([
    ['Chat', CHAT_PATH],
    ['StreamChat', STREAM_PATH],
  ])('of %s that are not read hold no more than reply_bytes, and another caller is answered', async (_, path) => {
    const { port, replies, refused, ask: askBob } = await open('gRPC')
    const { client, ask } = shutWindow(port, path)
    for (let stream = 1; stream < 40; stream += 2) {
      ask(stream)
      expect(await askBob()).toBe(true)
      expect(replies.held).toBeLessThanOrEqual(LIMIT)
    }
    await eventually(() => client.resets.size === 15)
    expect(new Set(client.resets.values())).toEqual(new Set([http2.constants.NGHTTP2_ENHANCE_YOUR_CALM]))
    expect(refused).toEqual(Array.from({ length: 15 }, () => 'reply_bytes'))
    client.close()
    await eventually(() => replies.held === 0)
  })

  it('of a connection that takes nothing at all end with it', async () => {
    const { port, replies, ask: askBob } = await open('gRPC')
    const { client, ask } = shutWindow(port, CHAT_PATH)
    await eventually(() => client.received.length > 0)
    client.socket.pause()
    for (let stream = 1; stream < 200; stream += 2) ask(stream)
    await eventually(() => replies.held > LIMIT / 2)
    expect(await askBob()).toBe(true)
    client.socket.resume()
    await eventually(() => client.resets.size > 0 || client.socket.destroyed)
  })
})

describe('replies at the HTTP server', () => {
  it.each([
    ['Chat', CHAT_PATH, 'application/json', '{}'],
    ['StreamChat', STREAM_PATH, 'application/connect+json', `\0\0\0\0\u0002{}`],
  ])(
    'of %s that are not read hold no more than reply_bytes, and another caller is answered',
    async (_, path, type, body) => {
      // The buffers of a socket take some MB.
      const { port, replies, refused, ask: askBob } = await open('HTTP', { size: 14 * MiB })
      const sockets = Array.from({ length: 20 }, () => connect({ port, host: '127.0.0.1' }))
      for (const socket of sockets) {
        closing.push(() => socket.destroy())
        socket.on('error', () => {})
        socket.pause()
        socket.write(
          `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nX-Api-Key: ${keys.alice}\r\n` +
            `Content-Length: ${body.length}\r\n\r\n${body}`,
        )
        expect(await askBob()).toBe(true)
        expect(replies.held).toBeLessThanOrEqual(LIMIT)
      }
      await eventually(() => refused.length > 0)
      expect(new Set(refused)).toEqual(new Set(['reply_bytes']))
      for (const socket of sockets) socket.destroy()
      await eventually(() => replies.held === 0)
    },
  )

  it('over HTTP/2 that are not read give way as well', async () => {
    const tls = makeTlsFiles()
    const { port, replies, refused, ask: askBob } = await open('HTTP', { tls })
    const headers = {
      ':method': 'POST',
      ':path': CHAT_PATH,
      'content-type': 'application/json',
      'x-api-key': keys.alice,
    }
    const codes: (number | undefined)[] = []
    for (let count = 0; count < 20; count++) {
      // Node takes no more calls of a session that has 10 MB in memory.
      const session = http2.connect(`https://localhost:${port}`, { ca: tls.ca, settings: { initialWindowSize: 0 } })
      session.on('error', () => {})
      closing.push(() => session.destroy())
      const stream = session.request(headers)
      stream.on('error', () => {})
      stream.on('close', () => codes.push(stream.rstCode))
      stream.end('{}')
      expect(await askBob('bob', { ca: tls.ca })).toBe(true)
      expect(replies.held).toBeLessThanOrEqual(LIMIT)
    }
    await eventually(() => codes.length === 15)
    expect(new Set(refused)).toEqual(new Set(['reply_bytes']))
    for (const close of closing.splice(1).reverse()) close()
    await eventually(() => replies.held === 0)
  })
})
