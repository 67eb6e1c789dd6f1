import http2 from 'node:http2'
import { connect, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { residentMemory } from '../../../bench/process.ts'
import { chat } from '../../support/client.ts'
import { eventually } from '../../support/eventually.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { callFrame, frames, message, RawHttp2 } from '../../support/raw-http2.ts'

/* What clients can make a gateway hold that mean it ill. */

const MiB = 2 ** 20
const LARGEST_REQUEST = 4 * MiB
const CHAT = '/llmgateway.v1.LlmGateway/Chat'

let gateway: RunningGateway
let client: GrpcClient
let port: number

beforeEach(async () => {
  gateway = await startGateway({
    yaml: `
      server: { max_receive_bytes: ${LARGEST_REQUEST} }
      providers: { sim: { kind: simulator } }
    `,
  })
  client = new GrpcClient(gateway.grpc)
  port = Number(gateway.grpc.split(':').at(-1))
  for (let at = 0; at < 200; at++) await chat(client, { model: 'sim/echo' })
})

afterEach(async () => {
  client.close()
  await gateway.close()
})

/** The largest resident memory of the gateway while `act` runs, above what it was before, in MiB. */
async function growthDuring(act: () => Promise<void>): Promise<number> {
  const resident = () => residentMemory(gateway.pid) / MiB
  const before = resident()
  let most = before
  const timer = setInterval(() => {
    most = Math.max(most, resident())
  }, 10)
  try {
    await act()
  } finally {
    clearInterval(timer)
  }
  return Math.max(most, resident()) - before
}

async function isServed(): Promise<void> {
  expect((await chat(client, { model: 'sim/echo' })).value?.message?.content).toBe('hi')
}

/** Calls with this body over one connection; their statuses. */
async function compressedCalls(body: Buffer, count: number): Promise<(number | undefined)[]> {
  const session = http2.connect(`http://127.0.0.1:${port}`)
  session.on('error', () => {})
  const headers = { ':method': 'POST', ':path': CHAT, 'content-type': 'application/grpc', 'grpc-encoding': 'gzip' }
  const one = () =>
    new Promise<number | undefined>((resolve) => {
      const stream = session.request(headers)
      let status: number | undefined
      stream.on('response', (reply) => {
        status = Number(reply['grpc-status'])
      })
      stream.on('error', () => {})
      stream.on('close', () => resolve(status))
      stream.resume()
      stream.end(body)
    })
  const statuses = await Promise.all(Array.from({ length: count }, one))
  session.destroy()
  return statuses
}

test('twenty requests that swell to 100 MB each', async () => {
  const bomb = message(gzipSync(Buffer.alloc(100 * MiB)), true)
  const growth = await growthDuring(async () => {
    expect(new Set(await compressedCalls(bomb, 20))).toEqual(new Set([8]))
  })
  expect(growth).toBeLessThan(100)
  await isServed()
})

test('many that swell in one frame each, on 200 streams of 4 connections', async () => {
  const bomb = message(gzipSync(Buffer.alloc(4 * MiB)), true)
  const packed = Buffer.concat(new Array(Math.floor(16_000 / bomb.length)).fill(bomb))
  const growth = await growthDuring(async () => {
    const statuses = await Promise.all([1, 2, 3, 4].map(() => compressedCalls(packed, 50)))
    expect(new Set(statuses.flat())).toEqual(new Set([12]))
  })
  expect(growth).toBeLessThan(100)
  await isServed()
})

test('20,000 streams on one connection, and 5000 connections from one address', async () => {
  const sockets: Socket[] = []
  const growth = await growthDuring(async () => {
    const hostile = new RawHttp2(port)
    await eventually(() => expect(hostile.received).toContain(frames.SETTINGS))
    hostile.send(...Array.from({ length: 20_000 }, (_, at) => callFrame(2 * at + 1, CHAT)))
    await hostile.closed
    for (let made = 0; made < 5000; made += 100) {
      const some = Array.from({ length: 100 }, () => connect(port, '127.0.0.1').on('error', () => {}))
      sockets.push(...some)
      await Promise.all(
        some.map((socket) => new Promise((resolve) => socket.once('connect', resolve).once('close', resolve))),
      )
    }
  })
  expect(growth).toBeLessThan(150)
  await isServed()
  for (const socket of sockets) socket.destroy()
})
