import { setTimeout as pause } from 'node:timers/promises'
import { forgetMostMemory, residentMemory } from '../../bench/process.ts'
import { streamChat } from '../support/client.ts'
import { portOf, type RunningGateway, startGateway } from '../support/gateway.ts'
import { GrpcClient } from '../support/grpc-client.ts'
import { metric } from '../support/metrics-page.ts'
import type { RawHttp2 } from '../support/raw-http2.ts'
import { answers, startUpstream, type UpstreamServer } from '../support/upstream-server.ts'
import { type Figures, type Promised, times } from './figures.ts'
import { Endless, openStreams, until } from './streams.ts'

const STREAMS = 1_000
const CONNECTIONS = 10
const SIZES = { '16 B': 16, '100 B': 100, '16 KB': 16_384 }
const MOST = 512
const MAX_LEFT = 64

interface Place {
  readonly size: string
  readonly bytes: number
  readonly upstream: UpstreamServer
  readonly gateway: RunningGateway
}

/**
 * What a gateway holds for readers that take nothing of what vendors send them. A process that does nothing collects its
 * garbage late: V8 of Node 20 does so 100 s after the last time, so that it depends on when that was what is left.
 */
export const memory: Promised = {
  name: 'memory',
  async measure(short) {
    const rest = short ? 2 : 60
    const sizes = Object.entries(SIZES)
    const places = await Promise.all(sizes.map(([size, bytes]) => open(size, bytes, short ? 100 : 1_000)))
    // As long as after the readers have gone: what is idle must mean the same both times.
    await pause(rest * 1_000)
    const finish: (() => Promise<Figures>)[] = []
    for (const place of places) finish.push(await standStill(place, short ? 1 : 5, rest))
    const figures: Figures[] = []
    for (const later of finish) figures.push(await later())
    for (const { gateway, upstream } of places) {
      await gateway.close()
      await upstream.close()
    }
    return figures
  },
}

/** A gateway that has worked. */
async function open(size: string, bytes: number, calls: number): Promise<Place> {
  const upstream = await startUpstream(answers(...new Array<string>(20).fill('x'.repeat(bytes))))
  // On a busy machine, too, all streams must begin, and none may be cut off.
  const gateway = await startGateway({
    yaml: `
      server: { limits: { stall_timeout: 10m, loop_delay: 10s } }
      providers:
        house: { kind: local, base_url: "${upstream.url}", default_model: m, timeout: { connect: 20s } }
    `,
  })
  const client = new GrpcClient(gateway.grpc)
  await times(calls, 100, async () => void (await streamChat(client, {})))
  client.close()
  return { size, bytes, upstream, gateway }
}

/** Settles when the readers have gone; what is left of them is known so many seconds later. */
async function standStill(place: Place, seconds: number, rest: number): Promise<() => Promise<Figures>> {
  const { size, bytes, upstream, gateway } = place
  const endless = new Endless(bytes)
  upstream.answer(endless.reply)
  const idle = inMib(residentMemory(gateway.pid))
  forgetMostMemory(gateway.pid)
  upstream.hits.length = 0
  const clients: RawHttp2[] = []
  while (clients.length < CONNECTIONS) {
    clients.push(openStreams(portOf(gateway.grpc), STREAMS / CONNECTIONS, false).client)
    // All at once would only show how long it takes to connect to an upstream.
    await until('the upstream is asked', () => upstream.hits.length === (clients.length * STREAMS) / CONNECTIONS)
  }
  await until('all stand still', () => endless.quietFor > 1_000)
  await pause(seconds * 1_000)
  const open = await metric(gateway.metrics, 'active_connections')
  const most = inMib(residentMemory(gateway.pid, 'VmHWM'))
  for (const client of clients) client.close()
  await until('no stream is left', async () => (await metric(gateway.metrics, 'active_connections')) === 0)
  const rested = pause(rest * 1_000)
  return async () => {
    await rested
    const left = inMib(residentMemory(gateway.pid))
    return {
      promise: `${STREAMS} readers that take nothing, text in pieces of ${size}: resident memory stays within ${MOST} MiB, and is back within ${MAX_LEFT} MiB of idle ${rest} s after they go`,
      measured: `idle ${idle} MiB, ${open} streams: ${most} MiB at most; ${left} MiB after it`,
      holds: open === STREAMS && most <= MOST && left <= idle + MAX_LEFT,
    }
  }
}

function inMib(bytes: number): number {
  return Math.round(bytes / 2 ** 20)
}
