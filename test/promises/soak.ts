import { setTimeout as pause } from 'node:timers/promises'
import { chat, type ServerName } from '../support/client.ts'
import { type RunningGateway, startGateway } from '../support/gateway.ts'
import { GrpcClient } from '../support/grpc-client.ts'
import { metric } from '../support/metrics-page.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { type Reply, startUpstream } from '../support/upstream-server.ts'
import { type Collected, INSPECTED, MemoryOf } from './collected-memory.ts'
import type { Figures, Promised } from './figures.ts'
import { startLoad } from './open-loop.ts'
import { answersEach, ask } from './questions.ts'
import { redisBecomes } from './redis-health.ts'

/** Calls a second, at both gateways together. */
const RATE = 100
/** Questions that are asked again and again, one call in three. */
const KNOWN = 500
/** Between two pieces of a streamed answer, in ms. */
const GAP = 20
const CONCURRENT = 10_000
/** In MiB. */
const MAX_GROWTH = { resident: 32, heap: 8 }
/** The lease of a place, and some time to look, in ms. */
const LEASE = 20_000
const MIB = 1024 * 1024

/** In ms. */
interface Plan {
  readonly whole: number
  /** After it memory should not grow any more. */
  readonly begin: number
  /** From one kill of Redis to the next. */
  readonly every: number
  /** How much of that it is down. */
  readonly down: number
}

const PLAN: Plan = { whole: 600_000, begin: 120_000, every: 20_000, down: 5_000 }
const SHORT: Plan = { whole: 30_000, begin: 6_000, every: 5_000, down: 1_500 }

/** What came of all calls. */
interface Tally {
  calls: number
  readonly faults: string[]
  /** By the vendor, as the route tells, and how often it was asked for them. */
  answered: number
  attempts: number
}

/** Two gateways on one Redis that is killed again and again. */
export const soak: Promised = {
  name: 'soak',
  async measure(short) {
    const plan = short ? SHORT : PLAN
    const redis = await startRedis()
    let hits = 0
    const reply = answersEach(GAP)
    const counting: Reply = (exchange) => {
      hits++
      // What it remembers of each would fill the memory.
      upstream.hits.length = 0
      reply(exchange)
    }
    const upstream = await startUpstream(counting)
    const yaml = yamlOf(upstream.url, redis.url)
    const gateways = [await startGateway({ yaml, env: INSPECTED }), await startGateway({ yaml, env: INSPECTED })]
    const servers = gateways.map(({ grpc }) => new GrpcClient(grpc))
    const memories = gateways.map((gateway) => new MemoryOf(gateway))
    const look = () => Promise.all(memories.map((memory) => memory.collected()))
    const early = pause(plan.begin).then(look)
    const { tally, kills } = await suffer(servers, redis, plan)
    const late = await look()
    const figures = [
      answeredFigure(tally, kills, plan),
      await countedFigure(gateways, tally, hits),
      await placesFigure(gateways, servers, redis),
      memoryFigure(await early, late, plan),
    ]
    for (const server of servers) server.close()
    for (const gateway of gateways) await gateway.close()
    await Promise.all([upstream.close(), redis.close()])
    return figures
  },
}

function yamlOf(upstream: string, redis: string): string {
  // So far away that nobody is refused; nor is anybody because the machine is busy. Callers have no other limit, so that
  // their trailers tell how many calls are under way.
  return `
server: { max_concurrent: ${CONCURRENT}, limits: { loop_delay: 10s } }
providers: { house: { kind: local, base_url: "${upstream}", default_model: m, timeout: { connect: 30s } } }
redis: { url: "${redis}" }
cache: { strategy: hybrid }
limits: { caller: { concurrent: ${CONCURRENT} }, provider: { requests: 1000000000, tokens: 2000000000, concurrent: ${CONCURRENT} } }
`
}

async function suffer(
  servers: readonly ServerName[],
  redis: RedisServer,
  plan: Plan,
): Promise<{ tally: Tally; kills: number }> {
  const tally: Tally = { calls: 0, faults: [], answered: 0, attempts: 0 }
  const load = startLoad(RATE, async (index) => {
    const server = servers[index % servers.length]
    if (!server) return
    tally.calls++
    const question = index % 3 ? `new ${index}` : `known ${index % KNOWN}`
    const { fault, route } = await ask(server, question, index % 4 < 2)
    if (fault !== undefined) tally.faults.push(fault)
    if (route && !route.cached) tally.answered++
    tally.attempts += route?.attempts.length ?? 0
  })
  let kills = 0
  for (; kills < plan.whole / plan.every; kills++) {
    await pause(plan.every - plan.down)
    await redis.kill()
    await pause(plan.down)
    await redis.start()
  }
  await load.stop()
  return { tally, kills }
}

function answeredFigure({ calls, faults }: Tally, kills: number, { whole, every }: Plan): Figures {
  return {
    promise: `${RATE} calls/s at two gateways for ${whole / 1_000} s, Redis killed every ${every / 1_000} s: each call is answered with OK and its whole text`,
    measured: `${calls} calls, ${kills} kills: ${faults.length} otherwise${faults[0] ? ` (${faults[0]})` : ''}`,
    holds: faults.length === 0,
  }
}

async function countedFigure(gateways: readonly RunningGateway[], tally: Tally, hits: number): Promise<Figures> {
  const counted = await sumOf(gateways, 'llm_requests_total')
  const well = await sumOf(gateways, 'llm_requests_total', { status: 'OK' })
  const without = await sumOf(gateways, 'llm_gateway_limits_without_redis_total')
  const { calls, answered, attempts } = tally
  return {
    promise: 'each call is counted once, and its question put to the upstream once or not at all',
    measured:
      `${calls} calls, ${counted} counted, ${well} of them OK; ${answered} answers of the upstream, ${hits} hits there, ` +
      `${calls - answered} answers of the cache; limits counted without Redis ${without} times`,
    holds: counted === calls && well === calls && hits === answered && hits === attempts && without > 0,
  }
}

async function placesFigure(
  gateways: readonly RunningGateway[],
  servers: readonly ServerName[],
  redis: RedisServer,
): Promise<Figures> {
  for (const server of servers) await redisBecomes(server, true, LEASE)
  const giveUp = performance.now() + LEASE
  let shared = await othersUnderWay(servers)
  while (shared.some((others) => others !== 0) && performance.now() < giveUp) shared = await othersUnderWay(servers)
  await redis.kill()
  for (const server of servers) await redisBecomes(server, false, LEASE)
  const local = await othersUnderWay(servers)
  const gates = await sumOf(gateways, 'llm_gateway_concurrency_active')
  const active = await sumOf(gateways, 'llm_gateway_active_calls')
  return {
    promise: 'after the last call every place of concurrent calls is free, in Redis and in the gateways',
    measured: `taken in Redis ${shared.join(' and ')}, in the gateways ${local.join(' and ')}, at their gates ${gates}; calls under way ${active}`,
    holds: [...shared, ...local, gates, active].every((taken) => taken === 0),
  }
}

/** How many calls each gateway takes to be under way beside the one that asks. */
async function othersUnderWay(servers: readonly ServerName[]): Promise<number[]> {
  const others: number[] = []
  for (const server of servers) {
    let remaining: string | undefined
    const onTrailers = (get: (name: string) => string | undefined) => {
      remaining = get('ratelimit-remaining')
    }
    await chat(server, { provider: 'house' }, { onTrailers })
    others.push(CONCURRENT - 1 - Number(remaining))
  }
  return others
}

function memoryFigure(early: readonly Collected[], late: readonly Collected[], { begin }: Plan): Figures {
  const growth = (of: (memory: Collected) => number) =>
    early.map((before, index) => {
      const [from, to] = [of(before) / MIB, of(late[index] ?? before) / MIB]
      return { by: to - from, text: `${from.toFixed(1)} to ${to.toFixed(1)}` }
    })
  const resident = growth((memory) => memory.resident)
  const heap = growth((memory) => memory.heap)
  const texts = (parts: typeof heap) => parts.map(({ text }) => text).join(' and from ')
  const before = late.map((memory) => (memory.before / MIB).toFixed(1)).join(' and ')
  return {
    promise: `a gateway, its garbage collected, has at most ${MAX_GROWTH.resident} MiB more resident memory and ${MAX_GROWTH.heap} MiB more heap at the end than after ${begin / 1_000} s`,
    measured: `resident from ${texts(resident)} MiB, ${before} with the garbage of the end; heap from ${texts(heap)} MiB`,
    holds: resident.every(({ by }) => by <= MAX_GROWTH.resident) && heap.every(({ by }) => by <= MAX_GROWTH.heap),
  }
}

async function sumOf(gateways: readonly RunningGateway[], name: string, labels: Readonly<Record<string, string>> = {}) {
  let sum = 0
  for (const gateway of gateways) sum += await metric(gateway.metrics, name, labels)
  return sum
}
