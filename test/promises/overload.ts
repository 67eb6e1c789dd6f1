import { type CallError, chat, type ServerName } from '../support/client.ts'
import { ConnectClient } from '../support/connect-client.ts'
import { startGateway } from '../support/gateway.ts'
import { GrpcClient } from '../support/grpc-client.ts'
import { answers, type Reply, startUpstream } from '../support/upstream-server.ts'
import { type Figures, type Promised, quantile, spread, times } from './figures.ts'
import { openLoop } from './open-loop.ts'

/** What an upstream call takes, in ms, how many there may be at once, and how many may wait. */
const LATENCY = 200
const AT_ONCE = 10
const QUEUE = 10
/** Calls a second that can be served: the bound decides, not the machine. */
const CAPACITY = (AT_ONCE * 1_000) / LATENCY
const PART = 0.9
const MOST = 20

interface Load {
  /** Good answers a second. */
  readonly goodput: number
  readonly calls: number
  /** Of those that were refused, in ms. */
  readonly refusedAfter: readonly number[]
  readonly errors: readonly CallError[]
}

const late: Reply = (exchange) => void setTimeout(answers('ok'), LATENCY, exchange)

/** What is left of the good answers when twice as many calls come as can be served, and how soon the others know. */
export const overload: Promised = {
  name: 'overload',
  async measure(short) {
    const upstream = await startUpstream()
    const provider = (bound: string) => `providers: { house: { kind: local, base_url: "${upstream.url}"${bound} } }`
    const bound = `max_concurrent: ${AT_ONCE}, max_queue: ${QUEUE}`
    const bounds = {
      provider: provider(`, ${bound}`),
      gateway: `server: { ${bound} }\n${provider('')}`,
    }
    const figures: Figures[] = []
    for (const [scope, yaml] of Object.entries(bounds)) {
      const gateway = await startGateway({ yaml })
      const servers = { gRPC: new GrpcClient(gateway.grpc), HTTP: new ConnectClient(gateway.http) }
      for (const [name, server] of Object.entries(servers)) {
        // A process that has just started is slow.
        upstream.answer(answers('ok'))
        await times(short ? 200 : 2_000, AT_ONCE, async () => void (await chat(server, { model: 'house/m' })))
        upstream.answer(late)
        const full = await load(server, CAPACITY, short ? 2 : 15)
        const twice = await load(server, 2 * CAPACITY, short ? 2 : 20)
        figures.push(...judge(`bound of the ${scope}, ${name}`, full, twice))
        upstream.hits.length = 0
      }
      for (const server of Object.values(servers)) server.close()
      await gateway.close()
    }
    await upstream.close()
    return figures
  },
}

/** Counts the answers of that time alone in which calls begin, after the first of them had time to end. */
async function load(server: ServerName, rate: number, seconds: number): Promise<Load> {
  const begun = performance.now()
  const from = begun + 2 * LATENCY
  const to = begun + seconds * 1_000
  const refusedAfter: number[] = []
  const errors: CallError[] = []
  let good = 0
  let calls = 0
  await openLoop(rate, seconds, async () => {
    const at = performance.now()
    calls++
    const { error } = await chat(server, { model: 'house/m' })
    const now = performance.now()
    if (error) {
      refusedAfter.push(now - at)
      errors.push(error)
    } else if (now >= from && now < to) good++
  })
  return { goodput: (good * 1_000) / (to - from), calls, refusedAfter, errors }
}

function judge(where: string, full: Load, twice: Load): Figures[] {
  const peak = Math.max(full.goodput, twice.goodput)
  const text = (goodput: number) => goodput.toFixed(1)
  const reported = twice.errors.filter(
    ({ reason, retryAfter = 0 }) => reason === 'CONCURRENCY_LIMITED' && retryAfter > 0,
  )
  const { refusedAfter } = twice
  return [
    {
      promise: `twice the calls that can be served, which are ${CAPACITY} a second (${where}): at least ${PART * 100} % of the peak's good answers`,
      measured: `${text(full.goodput)} a second at ${CAPACITY} calls, ${text(twice.goodput)} at ${2 * CAPACITY}: ${((100 * twice.goodput) / peak).toFixed(1)} % of the peak`,
      holds: twice.goodput >= PART * peak,
    },
    {
      promise: `the others are refused within ${MOST} ms (p99), all with RetryInfo`,
      measured: `${spread(refusedAfter)}; ${reported.length} of them with RetryInfo, of ${twice.calls} calls`,
      holds: quantile(refusedAfter, 0.99) <= MOST && reported.length === refusedAfter.length,
    },
  ]
}
