import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { HealthCheckService } from '../../../../src/domain/types.ts'
import { GrpcServer } from '../../../../src/server/grpc/grpc-server.ts'
import { eventually } from '../../../support/eventually.ts'
import { randomFrom } from '../../../support/random.ts'
import { callFrame, flags, frame, frames, message, resetFrame, uint32 } from '../../../support/raw-http2.ts'
import { serverOptions } from '../../../support/server-options.ts'
import { TestClient } from '../../../support/test-client.ts'
import { chatResponse, TestStream } from '../../../support/test-stream.ts'

/* Good connections, damaged at random. */

/** More of them take longer, and find more. */
const CONNECTIONS = Number(process.env['DAMAGED_CONNECTIONS'] ?? 2000)
const AT_ONCE = 100
const SEED = 20_261_121
const KEEPALIVE = 2_000

let server: GrpcServer
let port: number
const uncaught: unknown[] = []
const onUncaught = (error: unknown) => void uncaught.push(error)

beforeAll(async () => {
  const { options } = serverOptions(
    {
      chat: async () => chatResponse('fine'),
      streamChat: async (_request, context) => new TestStream(context).say('one', 'two').finish().events,
    },
    { keepalive: KEEPALIVE, readTimeout: KEEPALIVE },
  )
  server = new GrpcServer(options)
  port = await server.listen()
  process.on('uncaughtExceptionMonitor', onUncaught)
})

afterAll(async () => {
  process.off('uncaughtExceptionMonitor', onUncaught)
  await server.drain(0)
})

/** A connection as it should be: each kind of frame, two calls. */
const good = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(frames.SETTINGS, 0, 0),
  frame(frames.SETTINGS, flags.ACK, 0),
  callFrame(1, '/llmgateway.v1.LlmGateway/Chat', [['grpc-timeout', '5S']]),
  frame(frames.DATA, flags.END_STREAM, 1, message(Buffer.alloc(0))),
  frame(frames.PING, 0, 0, Buffer.alloc(8)),
  callFrame(3, '/llmgateway.v1.LlmGateway/StreamChat', [['grpc-encoding', 'gzip']]),
  frame(frames.DATA, 0, 3, message(Buffer.alloc(0))),
  frame(frames.WINDOW_UPDATE, 0, 3, uint32(65_535)),
  frame(frames.DATA, flags.END_STREAM, 3),
  callFrame(5, '/llmgateway.v1.LlmGateway/Chat'),
  resetFrame(5),
])

function damaged(random: (below: number) => number): Buffer {
  const bytes = Buffer.from(good.subarray(0, random(4) === 0 ? random(good.length) : good.length))
  const hits = 1 + random(6)
  // The preface itself is damaged only now and then: there is little behind it.
  const from = random(10) === 0 ? 0 : 24
  for (let hit = 0; hit < hits && bytes.length > from; hit++) {
    const at = from + random(bytes.length - from)
    if (random(4) === 0) bytes.copyWithin(at, from + random(bytes.length - from))
    else bytes[at] = random(256)
  }
  return bytes
}

/** Sends the bytes and leaves in one way or another, or not at all: then the door has to end it. */
async function visit(bytes: Buffer, leave: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.resume()
  await once(socket, 'connect')
  await new Promise((resolve) => socket.write(bytes, resolve))
  if (leave === 0) socket.destroy()
  else if (leave === 1) socket.resetAndDestroy()
  else if (leave === 2) socket.end()
  else setImmediate(() => socket.end())
}

it(`${CONNECTIONS} of them harm nobody, and leave nothing behind once keepalive has passed (seed ${SEED})`, async () => {
  const random = randomFrom(SEED)
  for (let made = 0; made < CONNECTIONS; made += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, () => visit(damaged(random), random(4))))
  }
  const client = new TestClient(port)
  const { ending } = await client.unary(HealthCheckService.method.check, { service: 'live' }).answer
  expect(ending.code).toBe(0)
  client.close()
  await eventually(() => server.openConnections === 0 && server.openCalls === 0)
  expect(uncaught).toEqual([])
})
