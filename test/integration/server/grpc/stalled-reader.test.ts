import http2 from 'node:http2'
import { afterEach, describe, expect, it } from 'vitest'
import { LlmGateway } from '../../../../src/domain/types.ts'
import { GrpcServer } from '../../../../src/server/grpc/grpc-server.ts'
import { eventually } from '../../../support/eventually.ts'
import { FakeClock } from '../../../support/fake-clock.ts'
import { heard } from '../../../support/http2-session.ts'
import { serverOptions } from '../../../support/server-options.ts'
import { TestClient } from '../../../support/test-client.ts'
import { chatResponse, TestStream } from '../../../support/test-stream.ts'

const { streamChat } = LlmGateway.method
const TEXT = 'x'.repeat(10_000)
const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** A stream that is produced as fast as its reader lets it, to a reader that took one message and then stands still. */
async function stalled(stallTimeout: number) {
  const clock = new FakeClock()
  let stream: TestStream | undefined
  const { options } = serverOptions(
    {
      streamChat: async (_request, context) => {
        stream = new TestStream(context).say(TEXT)
        return stream.events
      },
    },
    { clock, stallTimeout, heartbeat: Number.POSITIVE_INFINITY },
  )
  const server = new GrpcServer(options)
  const client = new TestClient(await server.listen())
  closing.push(async () => {
    const drained = server.drain(0)
    await clock.advance(1000)
    await drained
  })
  closing.push(() => client.close())
  const reader = client.stream(streamChat, {})
  await reader.first()
  if (!stream) throw new Error('the call did not begin')
  const said = 1 + (await fill(stream, TEXT))
  return { clock, server, reader, stream, said }
}

/**
 * Says as much as there is room for: one message in each turn, as a vendor's chunks come. The socket's buffers take some
 * hundred KB. Returns how many messages it said.
 */
async function fill(stream: TestStream, text: string): Promise<number> {
  let said = 0
  for (let quiet = 0; quiet < 20; quiet = stream.paused ? quiet + 1 : 0) {
    if (!stream.paused) {
      stream.say(text)
      said++
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
  return said
}

describe('a reader that stands still', () => {
  it('stops the vendor, and has all of the stream when it goes on', async () => {
    const { clock, reader, stream, said } = await stalled(60_000)
    expect(stream.paused).toBe(true)
    expect(said).toBeLessThan(100)
    reader.call.resume()
    await eventually(() => !stream.paused)
    await clock.advance(300_000)
    expect(stream.cancelledWith).toBeUndefined()
    stream.finish()
    expect((await reader.ending).code).toBe(0)
    expect(reader.messages).toHaveLength(said + 1)
  })

  it.each([
    ['small messages', 100, 38],
    ['messages of 6 KB', 6_000, 1],
    ['large messages', 1_000_000, 1],
  ])('stops the vendor once a few KB wait for it: %s', async (_, bytes, most) => {
    let stream: TestStream | undefined
    const { options } = serverOptions({
      streamChat: async (_request, context) => {
        stream = new TestStream(context)
        return stream.events
      },
    })
    const server = new GrpcServer(options)
    const { session, http2Stream } = rawStream(await server.listen(), 'StreamChat', { initialWindowSize: 0 })
    closing.push(() => server.drain(0))
    closing.push(() => session.destroy())
    await eventually(() => stream !== undefined)
    let said = 0
    for (; !stream?.paused; said++) stream?.say('x'.repeat(bytes))
    expect(said).toBe(most)
    http2Stream.resume()
    session.setLocalWindowSize(2 ** 20)
    session.settings({ initialWindowSize: 2 ** 20 })
    await eventually(() => stream?.paused === false)
  })

  it('is cut off after a minute in which it took nothing', async () => {
    const { clock, server, reader, stream } = await stalled(60_000)
    await clock.advance(59_999)
    expect(stream.cancelledWith).toBeUndefined()
    await clock.advance(1)
    expect(stream.cancelledWith).toMatchObject({
      reason: 'CANCELLED',
      message: 'The caller took nothing of the stream for 60 s.',
    })
    reader.call.resume()
    expect((await reader.ending).code).toBe(8)
    await eventually(() => server.openCalls === 0)
    expect(clock.waiting).toBe(0)
  })

  it('lives on when it takes a little each time', async () => {
    const clock = new FakeClock()
    let stream: TestStream | undefined
    const { options } = serverOptions(
      {
        streamChat: async (_request, context) => {
          stream = new TestStream(context)
          return stream.events
        },
      },
      { clock },
    )
    const server = new GrpcServer(options)
    const { session, http2Stream } = rawStream(await server.listen(), 'StreamChat')
    closing.push(() => server.drain(0))
    closing.push(() => session.destroy())
    await eventually(() => stream !== undefined)
    if (!stream) throw new Error('the call did not begin')
    await fill(stream, 'x'.repeat(5_000))
    for (let round = 0; round < 8; round++) {
      await clock.advance(50_000)
      await take(http2Stream, 60_000)
      await heard(session)
      expect(stream.cancelledWith).toBeUndefined()
      await fill(stream, 'x'.repeat(5_000))
    }
    while (!stream.cancelledWith) await clock.advance(60_000)
    expect(stream.cancelledWith).toMatchObject({ reason: 'CANCELLED' })
  })

  it('is closed at the deadline, because no status can reach it', async () => {
    const { clock, server, reader, stream } = await stalled(3_600_000)
    await clock.advance(600_000)
    expect(stream.cancelledWith).toMatchObject({ reason: 'GATEWAY_MAX_DURATION' })
    await clock.advance(110)
    reader.call.resume()
    expect((await reader.ending).code).toBe(1)
    await eventually(() => server.openCalls === 0)
    expect(clock.waiting).toBe(0)
  })

  it('of a unary answer is closed at the deadline too', async () => {
    const clock = new FakeClock()
    const { options } = serverOptions({ chat: async () => chatResponse(TEXT) }, { clock })
    const server = new GrpcServer(options)
    const port = await server.listen()
    const { session, http2Stream: stream } = rawStream(port, 'Chat', { initialWindowSize: 0 })
    closing.push(() => server.drain(0))
    closing.push(() => session.destroy())
    const closed = new Promise((resolve) => stream.on('close', () => resolve(stream.rstCode)))
    stream.on('error', () => {})
    await new Promise((resolve) => stream.on('response', resolve))
    await clock.advance(600_090)
    expect(await closed).toBe(http2.constants.NGHTTP2_CANCEL)
    await eventually(() => server.openCalls === 0)
    expect(clock.waiting).toBe(0)
  })
})

/** A call in HTTP/2 frames of our own, of which nothing is read unless it is asked for. */
function rawStream(port: number, method: string, settings: http2.Settings = {}) {
  const session = http2.connect(`http://127.0.0.1:${port}`, { settings })
  const path = `/llmgateway.v1.LlmGateway/${method}`
  const http2Stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' })
  http2Stream.on('error', () => {})
  http2Stream.end(Buffer.alloc(5))
  return { session, http2Stream }
}

/** Reads so many bytes and no more than a chunk beyond. */
async function take(stream: http2.ClientHttp2Stream, bytes: number): Promise<void> {
  for (let taken = 0; taken < bytes; ) {
    const chunk: Buffer | null = stream.read()
    if (chunk) taken += chunk.length
    else await new Promise((resolve) => stream.once('readable', resolve))
  }
}
