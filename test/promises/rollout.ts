import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { clients } from '../interop/clients.ts'
import { setup as buildGateway } from '../support/build-gateway.ts'
import { type RunningGateway, startGateway } from '../support/gateway.ts'
import { freePort } from '../support/ports.ts'
import { begin, chatBody, DONE, delta, json, type Reply, STOP, startUpstream } from '../support/upstream-server.ts'
import type { Figures, Promised } from './figures.ts'
import { buildPrograms, type LoadOutcome, type LoadProgram, startLoad } from './rollout/load.ts'
import { startTcpBalancer } from './rollout/tcp-balancer.ts'
import { until } from './streams.ts'

const REPLICAS = 3
/** Calls that each client has under way. */
const WORKERS = 8
/** In s. */
const DRAIN = 10
/** Time that the upstream takes for a call, in ms. */
const TAKES = { chat: 50, stream: 1_000 }

/** How a client finds the replicas: by a list of their addresses, or at one address. */
const WAYS = { list: 'addresses of all', balancer: 'a TCP load balancer' } as const
type Way = keyof typeof WAYS

interface Load {
  readonly library: string
  readonly way: Way
  readonly stop: () => Promise<LoadOutcome>
}

type Ended = Omit<Load, 'stop'> & { readonly outcome: LoadOutcome }

/** Three replicas are restarted one after the other, while clients of several languages call them. */
export const rollout: Promised = {
  name: 'rollout',
  async measure(short) {
    const rounds = short ? 1 : 10
    const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-rollout-'))
    buildGateway()
    const programs = await buildPrograms(clients, folder)
    /** The models that each replica has asked for since it was started. */
    const heard = Array.from({ length: REPLICAS }, () => new Set<unknown>())
    const upstream = await startUpstream((exchange) => {
      heard[Number(exchange.hit.headers['x-replica'])]?.add(exchange.hit.json['model'])
      answerInTime(exchange)
    })
    const ports = await Promise.all(Array.from({ length: REPLICAS }, freePort))
    const start = (at: number) => startGateway({ yaml: yamlOf(upstream.url, at), grpc: `127.0.0.1:${ports[at]}` })
    const replicas = await Promise.all(ports.map((_, at) => start(at)))
    const balancer = await startTcpBalancer(ports)
    const loads = programs.flatMap((program) => [
      begun(program, 'list', ports),
      begun(program, 'balancer', [balancer.port]),
    ])
    const listed = loads.filter(({ way }) => way === 'list')
    const callsAll = () => heard.every((models) => listed.every((load) => models.has(modelOf(load, 'chat'))))
    for (let step = 0; step < rounds * REPLICAS; step++) {
      await until('clients with a list call all replicas', callsAll)
      const at = step % REPLICAS
      await stop(replicas[at])
      heard[at]?.clear()
      upstream.hits.length = 0
      replicas[at] = await start(at)
    }
    const outcomes = await Promise.all(loads.map(async (load) => ({ ...load, outcome: await load.stop() })))
    await balancer.close()
    for (const replica of replicas) await replica.close()
    await upstream.close()
    rmSync(folder, { recursive: true, force: true })
    return programs.map(({ library }) => {
      const own = outcomes.filter((load) => load.library === library)
      return figuresOf(library, own, rounds)
    })
  },
}

/** A gateway that starts on a busy machine must not refuse calls because of it. */
function yamlOf(url: string, replica: number): string {
  return `
    server: { drain: ${DRAIN}s, limits: { loop_delay: 10s } }
    providers: { house: { kind: local, base_url: "${url}", headers: { x-replica: "${replica}" } } }
  `
}

/** A chat's text at once when its time is over, a stream's in three pieces over its time. */
const answerInTime: Reply = (exchange) => {
  const { response, hit } = exchange
  if (!hit.json['stream']) {
    setTimeout(() => json(chatBody('one two three'))(exchange), TAKES.chat)
    return
  }
  begin(delta('one '))(exchange)
  setTimeout(() => response.write(delta('two ')), TAKES.stream / 2)
  setTimeout(() => response.end([delta('three'), STOP, DONE].join('')), TAKES.stream)
}

function modelOf({ library, way }: Pick<Load, 'library' | 'way'>, operation: string): string {
  return `${library}-${way}-${operation}`
}

function begun(program: LoadProgram, way: Way, ports: readonly number[]): Load {
  const load = { library: program.library, way }
  const stop = startLoad(program, {
    GATEWAYS: ports.map((port) => `127.0.0.1:${port}`).join(','),
    CHAT_MODEL: `house/${modelOf(load, 'chat')}`,
    STREAM_MODEL: `house/${modelOf(load, 'stream')}`,
    WORKERS: String(WORKERS),
  })
  return { ...load, stop }
}

async function stop(replica: RunningGateway | undefined): Promise<void> {
  replica?.signal('SIGTERM')
  await replica?.exited
  await replica?.close()
}

function figuresOf(library: string, loads: readonly Ended[], rounds: number): Figures {
  const retries = library === 'tonic' ? 'retries of its own' : 'the service config'
  return {
    promise: `${library} with ${retries}: no Chat or StreamChat fails while ${REPLICAS} replicas are restarted in turn (${rounds} times)`,
    measured: loads.map(({ way, outcome }) => `${WAYS[way]}: ${textOf(outcome)}`).join('; '),
    holds: loads.every(({ outcome }) => Object.keys(outcome.failures).length === 0),
  }
}

function textOf({ calls, retried, failures }: LoadOutcome): string {
  const failed = Object.entries(failures).map(([failure, count]) => `${count} ${failure}`)
  const repeated = retried === undefined ? '' : `${retried} repeated by the client, `
  return `${calls} calls, ${repeated}${failed.join(', ') || '0 failed'}`
}
