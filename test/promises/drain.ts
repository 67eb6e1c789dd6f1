import { type ChatInit, chat, streamChat } from '../support/client.ts'
import { type RunningGateway, startGateway } from '../support/gateway.ts'
import { GrpcClient } from '../support/grpc-client.ts'
import { freePort } from '../support/ports.ts'
import {
  begin,
  chatBody,
  DONE,
  delta,
  type Hit,
  json,
  type Reply,
  STOP,
  startUpstream,
} from '../support/upstream-server.ts'
import { type Figures, type Promised, quantile, spread, times } from './figures.ts'
import { until } from './streams.ts'

const MAX_AFTER = 2_000

/** In ms. */
interface Times {
  readonly drain: number
  /** A call that ends this close to the end of the drain may come too late. */
  readonly margin: number
}

const MEASURED: Times = { drain: 1_500, margin: 300 }
/** So long that no busy machine comes too late. */
const SHORT: Times = { drain: 12_000, margin: 10_000 }
const IN_FLIGHT = 100
const ENDLESS = 10
const WORKERS = 8
const REPLICAS = 2

/** What the rounds have shown: how each call ended, and each process. */
interface Seen {
  readonly inFlight: string[]
  readonly endless: string[]
  readonly others: string[]
  readonly exits: number[]
  readonly codes: (number | null)[]
}

/** One of two replicas is stopped and started again, while calls go to both. */
export const drain: Promised = {
  name: 'drain',
  async measure(short) {
    const rounds = short ? 2 : 50
    const limits = short ? SHORT : MEASURED
    const seen: Seen = { inFlight: [], endless: [], others: [], exits: [], codes: [] }
    /** Replicas of which the upstream has heard. */
    const heard = new Set<unknown>()
    const upstream = await startUpstream((exchange) => {
      heard.add(exchange.hit.headers['x-replica'])
      answerInTime(exchange)
    })
    const ports = await Promise.all(Array.from({ length: REPLICAS }, freePort))
    const start = (at: number) =>
      startGateway({ yaml: yamlOf(upstream.url, at, limits), grpc: `127.0.0.1:${ports[at]}` })
    const replicas = await Promise.all(ports.map((_, at) => start(at)))
    const client = roundRobin(ports)
    const calling = { on: true }
    const others = keepCalling(client, calling, seen)
    for (let round = 0; round < rounds; round++) {
      heard.clear()
      await until('both replicas are called', () => heard.size === REPLICAS)
      const at = round % REPLICAS
      const replica = replicas[at]
      if (replica) await stop(replica, seen, limits, () => upstream.hits.filter(isHeld).length)
      replicas[at] = await start(at)
      upstream.hits.length = 0
    }
    calling.on = false
    await others
    client.close()
    for (const replica of replicas) await replica.close()
    await upstream.close()
    return figuresOf(seen, rounds, limits)
  },
}

/** A gateway that starts on a busy machine must not refuse or fail calls because of it. */
function yamlOf(url: string, replica: number, { drain }: Times): string {
  return `
    server: { drain: ${drain}ms, limits: { loop_delay: 10s } }
    providers:
      house: { kind: local, base_url: "${url}", headers: { x-replica: "${replica}" }, timeout: { connect: 30s } }
  `
}

/** The model says how long it takes, in ms, as in `held-200`; a stream begins at once. */
const answerInTime: Reply = (exchange) => {
  const { model, stream } = exchange.hit.json
  if (stream) begin(delta('one '))(exchange)
  const ms = Number(String(model).split('-')[1])
  if (ms === Number.POSITIVE_INFINITY) return
  setTimeout(() => {
    if (stream) exchange.response.end([delta('two'), STOP, DONE].join(''))
    else json(chatBody('one two'))(exchange)
  }, ms)
}

function isHeld({ json }: Hit): boolean {
  return String(json['model']).startsWith('held')
}

/** As a client does that has a list of addresses and no rule for retries. */
function roundRobin(ports: readonly number[]): GrpcClient {
  return new GrpcClient(`ipv4:${ports.map((port) => `127.0.0.1:${port}`).join(',')}`, {
    'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 500,
  })
}

/** Makes one call after the other, of either sort. */
function keepCalling(client: GrpcClient, calling: { readonly on: boolean }, seen: Seen): Promise<void> {
  return times(WORKERS, WORKERS, async (worker) => {
    while (calling.on) seen.others.push(await call(client, worker % 2 ? 'brief-300' : 'brief-20', worker % 2 === 1))
  })
}

/** How it ended: `whole`, or what went wrong. */
async function call(client: GrpcClient, model: string, streams: boolean): Promise<string> {
  const request = { model: `house/${model}` }
  const { text, error } = streams ? await streamChat(client, request) : await unary(client, request)
  if (error) return `${error.code} ${error.reason ?? error.message}`
  return text === 'one two' ? 'whole' : `only "${text}"`
}

async function unary(client: GrpcClient, request: ChatInit) {
  const { value, error } = await chat(client, request)
  return { text: value?.message?.content, error }
}

/** Stops a replica that has calls of every length on it. */
async function stop(replica: RunningGateway, seen: Seen, { drain, margin }: Times, held: () => number): Promise<void> {
  const client = new GrpcClient(replica.grpc)
  const inFlight = Array.from({ length: IN_FLIGHT }, (_, at) => {
    const takes = Math.round(((at + 1) / IN_FLIGHT) * (drain - margin))
    return call(client, `held-${takes}`, at % 2 === 1)
  })
  const endless = Array.from({ length: ENDLESS }, () => call(client, 'held-Infinity', true))
  await until('the calls are in flight', () => held() === IN_FLIGHT + ENDLESS)
  const signalled = performance.now()
  replica.signal('SIGTERM')
  seen.codes.push(await replica.exited)
  seen.exits.push(performance.now() - signalled)
  seen.inFlight.push(...(await Promise.all(inFlight)))
  seen.endless.push(...(await Promise.all(endless)))
  client.close()
  await replica.close()
}

function figuresOf(
  { inFlight, endless, others, exits, codes }: Seen,
  rounds: number,
  { drain, margin }: Times,
): Figures[] {
  const well = codes.every((code) => code === 0)
  return [
    {
      promise: `a gateway gets SIGTERM (${rounds} times, server.drain ${drain} ms): no call in flight fails that ends ${margin} ms before the end of the drain`,
      measured: endings(inFlight),
      holds: inFlight.every(isWhole),
    },
    {
      promise: 'calls that take longer end with UNAVAILABLE, reason DRAINING',
      measured: endings(endless),
      holds: endless.every((ending) => ending === 'UNAVAILABLE DRAINING'),
    },
    {
      promise: `it exits within ${MAX_AFTER / 1_000} s of the end of the drain, with code 0`,
      measured: `${spread(exits)}, after the signal; ${well ? 'all with 0' : `codes ${[...new Set(codes)].join(', ')}`}`,
      holds: well && quantile(exits, 1) <= drain + MAX_AFTER,
    },
    {
      promise: 'a client of two replicas (round_robin, no rule for retries) has no failed call while one is restarted',
      measured: endings(others),
      holds: others.every(isWhole),
    },
  ]
}

/** As in `98 whole, 2 UNAVAILABLE DRAINING`. */
function endings(all: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const ending of all) counts.set(ending, (counts.get(ending) ?? 0) + 1)
  return [...counts].map(([ending, count]) => `${count} ${ending}`).join(', ')
}

function isWhole(ending: string): boolean {
  return ending === 'whole'
}
