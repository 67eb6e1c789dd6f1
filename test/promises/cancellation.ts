import { type CallOptions, chat, type ServerName, streamChat } from '../support/client.ts'
import { ConnectClient } from '../support/connect-client.ts'
import { startGateway } from '../support/gateway.ts'
import { GrpcClient } from '../support/grpc-client.ts'
import { begin, delta, type Exchange, silence, startUpstream } from '../support/upstream-server.ts'
import { type Figures, type Promised, quantile, spread, times } from './figures.ts'

const MOST = 100

interface Manner {
  readonly name: string
  readonly streams: boolean
  call(server: ServerName, model: string, options: CallOptions): Promise<unknown>
}

const MANNERS: readonly Manner[] = [
  { name: 'unary', streams: false, call: (server, model, options) => chat(server, { model }, options) },
  {
    name: 'stream, before its first event',
    streams: false,
    call: (server, model, options) => streamChat(server, { model }, options),
  },
  {
    name: 'stream, in its middle',
    streams: true,
    call: (server, model, options) => streamChat(server, { model }, options),
  },
]

/** Time from the cancellation of a call to the closing of its upstream socket. */
export const cancellation: Promised = {
  name: 'cancellation',
  async measure(short) {
    const manners = new Map<string, Manner>()
    const arrived = new Map<string, (exchange: Exchange) => void>()
    const upstream = await startUpstream((exchange) => {
      const model = String(exchange.hit.json['model'])
      const reply = manners.get(model)?.streams ? begin(delta('one '), delta('two ')) : silence
      reply(exchange)
      arrived.get(model)?.(exchange)
    })
    // So many calls that are left at once are an attack otherwise.
    const gateway = await startGateway({
      yaml: `
        server: { limits: { resets: 1000 } }
        providers: { house: { kind: local, base_url: "${upstream.url}" } }
      `,
    })
    const servers = { gRPC: () => new GrpcClient(gateway.grpc), HTTP: () => new ConnectClient(gateway.http) }
    const figures: Figures[] = []
    for (const [server, open] of Object.entries(servers)) {
      for (const manner of MANNERS) {
        // HTTP/2 servers close a connection on which more than 1,000 calls in a short time are cancelled.
        const client = open()
        const took: number[] = []
        await times(short ? 20 : 500, 4, async (index) => {
          const model = `${server}-${MANNERS.indexOf(manner)}-${index}`
          manners.set(model, manner)
          took.push(await leave(client, manner, model, arrived))
        })
        figures.push({
          promise: `a client cancels a call (${server}, ${manner.name}): the upstream's socket is closed within ${MOST} ms (p99)`,
          measured: spread(took),
          holds: quantile(took, 0.99) <= MOST,
        })
        client.close()
      }
    }
    await gateway.close()
    await upstream.close()
    return figures
  },
}

/** Calls, leaves once the upstream has the call or the caller its first event, and says how long the rest took, in ms. */
async function leave(
  server: ServerName,
  manner: Manner,
  model: string,
  arrived: Map<string, (exchange: Exchange) => void>,
): Promise<number> {
  const leaving = new AbortController()
  let left = 0
  const go = () => {
    left ||= performance.now()
    leaving.abort()
  }
  const hit = new Promise<Exchange>((resolve) => arrived.set(model, resolve))
  const reported = manner.call(server, `house/${model}`, {
    signal: leaving.signal,
    ...(manner.streams && { onMessage: go }),
  })
  const arrival = await Promise.race([hit, reported])
  if (!isExchange(arrival)) throw new Error(`a call ended before it was cancelled: ${JSON.stringify(arrival)}`)
  const request = arrival.hit
  if (!manner.streams) go()
  const closed = await request.closed
  await reported
  return closed - left
}

function isExchange(value: unknown): value is Exchange {
  return typeof value === 'object' && value !== null && 'hit' in value
}
