import { startCaller } from '../support/caller-process.ts'
import { portOf, type RunningGateway, startGateway } from '../support/gateway.ts'
import { metric } from '../support/metrics-page.ts'
import { frame, frames, type RawHttp2, resetFrame } from '../support/raw-http2.ts'
import { delta, type Reply, startUpstream, type UpstreamServer } from '../support/upstream-server.ts'
import { type Figures, type Promised, quantile, spread } from './figures.ts'
import { Endless, openStreams, STREAM_CHAT, streamRequest, until } from './streams.ts'

const MOST = 1_000
const KEEPALIVE = 10_000
const SHORT_KEEPALIVE = 2_000
/** A ping that is due, and its answer that does not come. */
const MAX_BROKEN = 2 * SHORT_KEEPALIVE + 500
/** Streams at once, over so many connections. */
const BATCH = 200
const CONNECTIONS = 4

/** The callers of some streams that have all begun. */
interface Authenticator {
  leave(): void
  /** Cleans up after them. */
  close(): void
}

/** Over one connection. */
type Open = (port: number, streams: number, reads: boolean) => Promise<Authenticator>

interface Manner {
  readonly name: string
  readonly open: Open
  /** How soon all must have ended, in ms. */
  readonly within: number
  /** Of the gateway, in ms. */
  readonly keepalive: number
  readonly batches: number
}

const usual = { within: MOST, keepalive: KEEPALIVE, batches: 10 }
const manners: readonly Manner[] = [
  { name: 'each is reset', ...usual, open: raw(({ client, ids }) => client.send(...ids.map(resetFrame))) },
  { name: 'their connection is closed', ...usual, open: raw(({ client }) => client.socket.end()) },
  { name: 'their process is killed', ...usual, open: killed },
  {
    name: `their connection breaks the protocol (server.keepalive ${SHORT_KEEPALIVE / 1_000} s)`,
    within: MAX_BROKEN,
    keepalive: SHORT_KEEPALIVE,
    batches: 3,
    // Data belongs to a stream: https://www.rfc-editor.org/rfc/rfc9113#section-6.1-7
    open: raw(({ client }) => client.send(frame(frames.DATA, 0, 0, Buffer.alloc(1)))),
  },
]

/** From the moment in which callers leave their streams to that in which nothing of these is left. */
export const cancelledStreams: Promised = {
  name: 'cancelled-streams',
  async measure(short) {
    const upstream = await startUpstream()
    const figures: Figures[] = []
    for (const manner of manners) {
      for (const reads of [true, false]) figures.push(await measure(manner, upstream, reads, short))
    }
    await upstream.close()
    return figures
  },
}

async function measure(manner: Manner, upstream: UpstreamServer, reads: boolean, short: boolean): Promise<Figures> {
  const { name, within, keepalive, open, batches } = manner
  // On a busy machine, too, all streams must have begun before their callers leave.
  const gateway = await startGateway({
    yaml: `
      server: { keepalive: ${keepalive}ms, limits: { loop_delay: 10s } }
      providers:
        house:
          kind: local
          base_url: "${upstream.url}"
          max_concurrent: ${BATCH}
          max_queue: 0
          timeout: { connect: 20s }
    `,
  })
  const took: number[] = []
  while (took.length < (short ? 1 : batches)) took.push(await leave(gateway, upstream, open, reads))
  const begun = took.length * BATCH
  // One that ended twice, or not at all, would show here.
  const ended = await metric(gateway.metrics, 'llm_requests_total')
  const cancelled = await metric(gateway.metrics, 'llm_requests_total', { status: 'CANCELLED' })
  await gateway.close()
  return {
    promise: `clients abandon ${begun} streams that they ${reads ? 'read' : 'do not read'}, ${name}: each ends exactly once and frees its slot within ${within / 1_000} s`,
    measured: `${cancelled} ended as cancelled, ${ended - cancelled} otherwise; the last of each ${BATCH}: ${spread(took)}`,
    holds: ended === begun && cancelled === begun && quantile(took, 1) <= within,
  }
}

/** How long the last call of a batch was under way after its caller had left, or its permit taken, in ms. */
async function leave(gateway: RunningGateway, upstream: UpstreamServer, open: Open, reads: boolean): Promise<number> {
  const endless = new Endless(1_000)
  upstream.answer(reads ? nowAndThen : endless.reply)
  const port = portOf(gateway.grpc)
  const each = BATCH / CONNECTIONS
  const callers = await Promise.all(Array.from({ length: CONNECTIONS }, () => open(port, each, reads)))
  if (!reads) await until('nothing is taken any more', () => endless.quietFor > 300)
  if ((await underWay(gateway)) !== 2 * BATCH) throw new Error('some streams ended before their caller left')
  const left = performance.now()
  for (const caller of callers) caller.leave()
  await until('nothing is under way', async () => (await underWay(gateway)) === 0)
  const took = performance.now() - left
  for (const caller of callers) caller.close()
  return took
}

/** Calls, and permits taken. */
async function underWay({ metrics }: RunningGateway): Promise<number> {
  return (await metric(metrics, 'active_connections')) + (await metric(metrics, 'llm_gateway_concurrency_active'))
}

/** A piece of text each time, so that each stream is in its middle. */
const nowAndThen: Reply = ({ response }) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(delta('one '))
  const timer = setInterval(() => response.write(delta('more ')), 100)
  response.on('close', () => clearInterval(timer))
}

function raw(leave: (connection: { client: RawHttp2; ids: readonly number[] }) => void): Open {
  return async (port, streams, reads) => {
    const connection = openStreams(port, streams, reads)
    const begun = () => connection.client.received.filter((type) => type === frames.HEADERS).length
    await until('the streams have begun', () => begun() === streams)
    return { leave: () => leave(connection), close: () => connection.client.close() }
  }
}

async function killed(port: number, calls: number, reads: boolean): Promise<Authenticator> {
  const caller = await startCaller({
    server: 'gRPC',
    port,
    path: STREAM_CHAT,
    body: streamRequest,
    reads: reads ? 'all' : 'window shut',
    calls,
  })
  return { leave: () => caller.signal('SIGKILL'), close() {} }
}
