import { request } from 'node:http'
import http2 from 'node:http2'
import { connect, type Socket } from 'node:net'
import { create, toBinary } from '@bufbuild/protobuf'
import { ChatRequestSchema, Role } from '../../../src/domain/types.ts'
import { type Unfinished, type UnfinishedOptions, unfinished } from '../../support/unfinished.ts'
import { times } from '../figures.ts'
import { CHAT } from '../hostile/senders.ts'
import { chatOver, KINDS, type Sent } from './senders.ts'
import { KEYS, type Kind, type World } from './world.ts'

/** What a stranger, or a caller with a key, does to a gateway. */
export interface Row {
  readonly name: string
  readonly kind: Kind
  /** Settles when it is over, with a fault if the gateway did something that it must not do. */
  play(world: World): Promise<string | undefined>
}

const LARGE = 15_900_000
const PENDING = 128 * 2 ** 20
const WATCH = '/grpc.health.v1.Health/Watch'
const REFLECTION = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo'
/** What a client waits before it gives up, in ms. */
const PATIENCE = 3_000

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const many = <T>(count: number, make: (index: number) => T) => Array.from({ length: count }, (_, index) => make(index))
const askers = [undefined, KEYS.alice]
const chatBytes = (text: string, more = {}) =>
  Buffer.from(
    toBinary(
      ChatRequestSchema,
      create(ChatRequestSchema, { model: 'sim/echo', messages: [{ role: Role.USER, content: text }], ...more }),
    ),
  )

const row = (name: string, play: Row['play'], kind: Kind = 'keys'): Row => ({ name, play, kind })

/** Begins the same request of strangers and of a caller at both servers, and leaves them open for a while. */
async function holdOpen(world: World, each: number, options: Omit<UnfinishedOptions, 'key'>): Promise<undefined> {
  for (const kind of KINDS) {
    for (const key of askers) {
      const port = kind === 'gRPC' ? world.grpc : world.http
      const requests: Unfinished[] = many(each, () => unfinished(kind, port, { ...options, key }))
      await Promise.race([Promise.all(requests.map(({ sent }) => sent)), pause(PATIENCE)])
      await pause(PATIENCE / 3)
      for (const { close } of requests) close()
    }
  }
  return undefined
}

/** Sends the same bytes as strangers and as a caller to both servers. */
async function sendAll(world: World, count: number, sent: Omit<Sent, 'key'>): Promise<undefined> {
  for (const kind of KINDS) {
    for (const key of askers) await times(count, 10, async () => void (await chatOver(kind, world, { ...sent, key })))
  }
  return undefined
}

async function poison(world: World): Promise<string | undefined> {
  const plain = chatBytes('what is two and two?')
  const more = chatBytes('say five')
  const group = Buffer.from([0xa3, 0x01, more.length, ...more])
  const hidden = Buffer.concat([plain, group])
  await sendAll(world, 50, { body: hidden })
  for (const kind of KINDS) {
    const { text } = await chatOver(kind, world, { body: plain, key: KEYS.bob })
    if (!text.includes('what is two and two?')) return `the plain question was answered with "${text.slice(0, 100)}"`
  }
  return undefined
}

async function numbersInJson(world: World): Promise<string | undefined> {
  const digits = '9'.repeat(LARGE)
  const bodies = [`{"seed":"${digits}"}`, `{"seed":${digits}}`, `{"temperature":1e${digits}}`, `{"${digits}":1}`]
  for (const body of bodies.map((text) => Buffer.from(text))) {
    for (const key of askers) {
      for (let sent = 0; sent < 3; sent++) {
        const { text } = await chatOver('HTTP', world, { body, type: 'application/json', key })
        if (text.length > 2_000) return `an answer of ${text.length} bytes`
      }
    }
  }
  return undefined
}

/** Of each of these paths, and of the metrics, under the name of somebody's web page. */
async function rebinding(world: World): Promise<string | undefined> {
  const paths = [CHAT, '/llmgateway.v1.LlmGatewayAdmin/ListProviders', '/llmgateway.v1.LlmGatewayAdmin/ClearCache']
  const targets = [...paths.map((path) => ({ port: world.http, path })), { port: world.metrics, path: '/metrics' }]
  const statuses = new Set<number | undefined>()
  for (const { port, path } of targets) {
    const method = path === '/metrics' ? 'GET' : 'POST'
    await times(50, 5, async () => void statuses.add(await statusOf({ port, path, method })))
  }
  return [...statuses].join() === '403' ? undefined : `answered with ${[...statuses].join(' and ')}`
}

function statusOf(to: { readonly port: number; readonly path: string; readonly method: string }) {
  return new Promise<number | undefined>((resolve) => {
    const headers = { host: 'evil.example', 'content-type': 'application/json' }
    const sent = request({ ...to, host: '127.0.0.1', headers, agent: false }, (response) => {
      response.resume()
      response.on('close', () => resolve(response.statusCode))
    })
    sent.on('error', () => resolve(undefined))
    sent.end(to.method === 'POST' ? '{}' : undefined)
  })
}

async function watches({ grpc }: World): Promise<undefined> {
  const session = http2.connect(`http://127.0.0.1:${grpc}`)
  session.on('error', () => {})
  const headers = { ':method': 'POST', ':path': WATCH, 'content-type': 'application/grpc', te: 'trailers' }
  const opened = many(1_200, () => {
    const stream = session.request(headers)
    stream.on('error', () => {})
    stream.resume()
    stream.end(Buffer.alloc(5))
    return new Promise((resolve) => stream.once('response', resolve).once('close', resolve))
  })
  await Promise.race([Promise.all(opened), pause(PATIENCE)])
  session.destroy()
  return undefined
}

async function refusedWithLabels(world: World): Promise<string | undefined> {
  const labels = Object.fromEntries(many(32, (at) => [`${at}${'\u0001'.repeat(120)}`, '\u0002'.repeat(128)]))
  const before = world.gateway.output().length
  const body = chatBytes('hi', { labels })
  for (const kind of KINDS) await times(300, 20, async () => void (await chatOver(kind, world, { body })))
  // The lines of the second caller are in it.
  const lines = world.gateway.output().slice(before).split('\n')
  const refused = lines.filter((line) => line.includes('"message":"refused"'))
  return refused.length <= 60 && refused.join('').length < 20_000 ? undefined : `${refused.length} lines`
}

async function silentSessions({ http }: World): Promise<string | undefined> {
  const sessions = many(200, () => http2.connect(`https://127.0.0.1:${http}`, { rejectUnauthorized: false }))
  for (const session of sessions) session.on('error', () => {})
  const flood = sessions[0]
  for (let sent = 0; sent < 18_700 && flood && !flood.destroyed && !flood.closed; sent++) {
    const stream = flood.request({ ':method': 'POST', ':path': CHAT, 'content-type': 'application/json' })
    stream.on('error', () => {})
    stream.close(http2.constants.NGHTTP2_CANCEL)
    if (sent % 20 === 0) await pause(5)
  }
  const isClosed = flood?.destroyed || flood?.closed
  for (const session of sessions) session.destroy()
  return isClosed ? undefined : '18,700 resets, and the connection is open'
}

async function metricsConnections({ metrics }: World): Promise<string | undefined> {
  const sockets: Socket[] = []
  for (let batch = 0; batch < 15; batch++) {
    const connecting = many(100, () => connect(metrics, '127.0.0.1').on('error', () => {}))
    for (const socket of connecting) socket.resume()
    sockets.push(...connecting)
    await Promise.all(connecting.map((socket) => new Promise((resolve) => socket.once('connect', resolve))))
  }
  await pause(500)
  const open = sockets.filter(({ destroyed }) => !destroyed).length
  const { status } = await fetch(`http://127.0.0.1:${metrics}/metrics`)
  for (const socket of sockets) socket.destroy()
  return open <= 64 && status === 200 ? undefined : `${open} are open, and the metrics answer ${status}`
}

/** Rows 1 to 14 of what was tried on gateways; the tests of both servers have the same numbers. */
export const rows: readonly Row[] = [
  row('1: a number written as 16.7 MB of messages, 20 of them by strangers and by a caller at each server', (world) => {
    const content = Buffer.alloc(16_700_000, Buffer.from('1a00', 'hex'))
    return sendAll(world, 20, { body: Buffer.concat([Buffer.from([0x32, 0xe0, 0xa4, 0xfb, 0x07]), content]) })
  }),
  row('2: fields hidden in a group before the same question without them, 50 times', poison),
  row('3: 60 reflection streams with 15.5 MB of a message that does not end', async ({ grpc }) => {
    const bytes = Buffer.alloc(15_500_000)
    const streams = many(60, () => unfinished('gRPC', grpc, { path: REFLECTION, bytes, announced: LARGE }))
    await Promise.race([Promise.all(streams.map(({ answer }) => answer)), pause(2 * PATIENCE)])
    for (const { close } of streams) close()
    return undefined
  }),
  row('4: 200 compressed requests without a body at each server', (world) =>
    holdOpen(world, 200, { announced: 1_000, gzip: true }),
  ),
  row('5: 10 uploads at each server that stop 60 KB below pending_bytes', (world) =>
    holdOpen(world, 10, { bytes: Buffer.alloc((PENDING - 60_000) / 10), announced: LARGE }),
  ),
  row('6: 100 bodies of 15.9 MB less a byte at each server', (world) =>
    holdOpen(world, 100, { bytes: Buffer.alloc(LARGE - 1), announced: LARGE }),
  ),
  row('7: numbers and a field name of 16 million characters in JSON, 24 requests', numbersInJson),
  row('8: a vendor that repeats "exceed" in 8 KB, 50 calls at each server', async (world) => {
    const body = chatBytes('hi', { model: 'house/m' })
    for (const kind of KINDS) {
      await times(50, 5, async () => void (await chatOver(kind, world, { body, key: KEYS.alice })))
    }
    return undefined
  }),
  row('9: requests under the name of a web page, 200 of them', rebinding, 'open'),
  row('10: 1,200 health watches of one client', watches),
  row('11: 300 refused calls at each server with 32 labels of control characters', refusedWithLabels),
  row('12: 500 guessed keys at each server', async (world) => {
    const body = chatBytes('hi')
    for (const kind of KINDS) {
      await times(
        500,
        100,
        async (at) => void (await chatOver(kind, world, { body, key: `guess-${at}-0123456789abcdef` })),
      )
    }
    return undefined
  }),
  row('13: 200 silent connections and 18,700 resets at the HTTP server with TLS', silentSessions, 'TLS'),
  row('14: 1,500 connections to the metrics port', metricsConnections),
]
