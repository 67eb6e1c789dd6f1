import { type CallError, chat, streamChat } from '../support/client.ts'
import { ConnectClient } from '../support/connect-client.ts'
import { startGateway } from '../support/gateway.ts'
import { GrpcClient } from '../support/grpc-client.ts'
import { silence, startUpstream } from '../support/upstream-server.ts'
import { type Figures, type Promised, quantile, spread, times } from './figures.ts'

const MOST = 50
const DEADLINES = [10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000]

/** How far from its deadline a call to a silent upstream ends, as its caller sees it. */
export const deadlines: Promised = {
  name: 'deadlines',
  async measure(short) {
    const upstream = await startUpstream(silence)
    const gateway = await startGateway({ yaml: `providers: { house: { kind: local, base_url: "${upstream.url}" } }` })
    const servers = { gRPC: new GrpcClient(gateway.grpc), HTTP: new ConnectClient(gateway.http) }
    const figures: Figures[] = []
    const open = new Set<Promise<number>>()
    for (const [name, server] of Object.entries(servers)) {
      await chat(server, { model: 'house/m' }, { deadline: 100 })
      const off: number[] = []
      const late: number[] = []
      const wrong: (CallError | undefined)[] = []
      for (const deadline of DEADLINES) {
        const metadata = name === 'gRPC' ? { 'grpc-timeout': `${deadline}m` } : { 'connect-timeout-ms': `${deadline}` }
        const options = { deadline: Number.POSITIVE_INFINITY, metadata }
        await times(short ? 4 : 40, 4, async (index) => {
          const begun = performance.now()
          const { error } = await (index % 2 ? chat : streamChat)(server, { model: 'house/m' }, options)
          const distance = performance.now() - begun - deadline
          off.push(Math.abs(distance))
          late.push(distance)
          if (error?.code !== 'DEADLINE_EXCEEDED') wrong.push(error)
        })
      }
      figures.push({
        promise: `a deadline of 10 ms to 5 s, the upstream silent (${name}): the call ends within ${MOST} ms of it (p99), as DEADLINE_EXCEEDED`,
        measured: `${spread(off)}; latest ${quantile(late, 1).toFixed(1)} ms after it; ended otherwise: ${wrong.length}`,
        holds: quantile(off, 0.99) <= MOST && wrong.length === 0,
      })
      server.close()
    }
    for (const hit of upstream.hits) open.add(hit.closed)
    const closed = await Promise.race([
      Promise.all(open).then(() => true),
      new Promise<boolean>((resolve) => setTimeout(resolve, 1_000, false)),
    ])
    figures.push({
      promise: 'after it no upstream socket is left open',
      measured: `${open.size} calls reached the upstream, ${closed ? 'all of their sockets are closed' : 'some are still open'}`,
      holds: closed,
    })
    await gateway.close()
    await upstream.close()
    return figures
  },
}
