import { setTimeout as pause } from 'node:timers/promises'
import type { ServerName } from '../support/client.ts'
import { type RunningGateway, startGateway } from '../support/gateway.ts'
import { GrpcClient } from '../support/grpc-client.ts'
import { metric } from '../support/metrics-page.ts'
import { startRedis } from '../support/redis.ts'
import { startProxy } from '../support/tcp-proxy.ts'
import { startUpstream } from '../support/upstream-server.ts'
import { type Figures, type Promised, times } from './figures.ts'
import { startLoad } from './open-loop.ts'
import { answersEach, ask } from './questions.ts'
import { redisBecomes } from './redis-health.ts'
import { callsFigure, type Made, type Round, redisFigure } from './redis-trouble-figures.ts'
import { type Trouble, troublesOf } from './redis-troubles.ts'

/** Calls a second: callers, gateway, upstream and Redis share the machine. */
const RATE = 150
/** Questions that are asked again and again; every other call asks a new one. */
const KNOWN = 50
/** In ms. */
const GIVE_UP = 30_000

/** In ms. */
interface Plan {
  readonly rounds: number
  readonly well: number
  readonly trouble: number
  readonly after: number
}

const PLAN: Plan = { rounds: 5, well: 3_000, trouble: 5_500, after: 500 }
const SHORT: Plan = { rounds: 1, well: 800, trouble: 1_000, after: 200 }

/** What calls notice of a Redis in trouble that keeps the answers and counts the limits. */
export const redisTrouble: Promised = {
  name: 'redis',
  async measure(short) {
    const redis = await startRedis()
    const proxy = await startProxy(redis.port)
    const upstream = await startUpstream(answersEach(0))
    const gateway = await startGateway({ yaml: yamlOf(upstream.url, proxy.port) })
    const client = new GrpcClient(gateway.grpc)
    const plan = short ? SHORT : PLAN
    // A process that has just started is slow.
    await times(short ? 500 : 5_000, 4, async (index) => void (await ask(client, `warm ${index}`, index % 4 < 2)))
    const made: Made[] = []
    const load = startLoad(RATE, async (index) => {
      const begun = performance.now()
      const question = index % 2 ? `new ${index}` : `known ${(index / 2) % KNOWN}`
      const { fault } = await ask(client, question, index % 4 < 2)
      made.push({ begun, ended: performance.now(), fault })
    })
    const figures: Figures[] = []
    for (const trouble of troublesOf(redis, proxy)) {
      const rounds: Round[] = []
      for (let count = 0; count < plan.rounds; count++) rounds.push(await suffer(gateway, client, trouble, plan))
      figures.push(callsFigure(trouble, made, rounds), redisFigure(trouble, rounds))
    }
    await load.stop()
    client.close()
    await gateway.close()
    await Promise.all([upstream.close(), proxy.close(), redis.close()])
    return figures
  },
}

function yamlOf(upstream: string, redis: number): string {
  // So far away that nobody is refused; nor is anybody because the machine is busy.
  const limits = '{ requests: 1000000000, tokens: 2000000000, concurrent: 10000 }'
  return `
server: { limits: { loop_delay: 10s } }
providers: { house: { kind: local, base_url: "${upstream}", default_model: m, timeout: { connect: 30s } } }
redis: { url: "redis://127.0.0.1:${redis}" }
cache: { strategy: redis }
limits: { caller: ${limits}, provider: ${limits} }
`
}

async function suffer(gateway: RunningGateway, client: ServerName, trouble: Trouble, plan: Plan): Promise<Round> {
  const { lasts, begin, end } = trouble
  const well = performance.now()
  await pause(plan.well)
  const begun = performance.now()
  await begin()
  const noticed = lasts ? await redisBecomes(client, false, plan.trouble) : 0
  const from = await failedCommands(gateway)
  await pause(begun + plan.trouble - performance.now())
  const till = await failedCommands(gateway)
  await end()
  const ended = performance.now()
  const recovered = await redisBecomes(client, true, GIVE_UP)
  await pause(plan.after)
  const asked = (till.count - from.count) / ((till.at - from.at) / 1_000)
  return { well, begun, noticed, asked, ended, recovered, over: performance.now() }
}

/** In trouble all of them fail. */
async function failedCommands(gateway: RunningGateway): Promise<{ readonly at: number; readonly count: number }> {
  return { at: performance.now(), count: await metric(gateway.metrics, 'llm_gateway_redis_failures_total') }
}
