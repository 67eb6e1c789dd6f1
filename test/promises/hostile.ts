import { readFileSync } from 'node:fs'
import { chat } from '../support/client.ts'
import { ConnectClient } from '../support/connect-client.ts'
import { portOf, type RunningGateway, startGateway } from '../support/gateway.ts'
import { GrpcClient } from '../support/grpc-client.ts'
import { type HealthProbe, type Probed, startHealthProbe } from '../support/health-probe.ts'
import { answers, startUpstream, type UpstreamServer } from '../support/upstream-server.ts'
import { type Figures, type Promised, quantile, spread } from './figures.ts'
import { badCalls } from './hostile/calls.ts'
import { badMessages } from './hostile/messages.ts'
import { mutatedCalls, mutatedFrames, mutatedRequests } from './hostile/mutated.ts'
import { badRequests } from './hostile/requests.ts'
import type { Ports } from './hostile/senders.ts'

const MOST = 200
const ALL_BAD = [...badMessages, ...badCalls, ...badRequests]
/** In the short run only the first of so many. */
const EACH = 5

/** What a bad request can do to those of others. */
export const hostile: Promised = {
  name: 'hostile',
  async measure(short) {
    const upstream = await startUpstream(answers('ok'))
    const gateway = await startGateway({
      yaml: `providers: { house: { kind: local, base_url: "${upstream.url}", default_model: m } }`,
    })
    const ports = { grpc: portOf(gateway.grpc), http: portOf(gateway.http) }
    // A process that has just started is slow.
    for (let at = 0; at < 300; at++) await served(gateway)
    const probe = await startHealthProbe(gateway.grpc)
    const figures = [
      await badOnes(gateway.pid, ports, probe, short),
      await mutations({ ports, probe, upstream }, short ? 2_000 : 100_000),
    ]
    await probe.close()
    figures.push(await afterwards(gateway))
    await gateway.close()
    await upstream.close()
    return figures
  },
}

async function badOnes(pid: number, ports: Ports, probe: HealthProbe, short: boolean): Promise<Figures> {
  const took: number[] = []
  let worst = { longest: 0, name: '', waited: 0 }
  let failed = 0
  const bad = ALL_BAD.filter((_, index) => !short || index % EACH === 0)
  for (const { name, send } of bad) {
    const before = waitedForCore(pid)
    await send(ports)
    const probed = await probe.take()
    const waited = waitedForCore(pid) - before
    took.push(...probed.took)
    failed += probed.failed
    const longest = quantile(probed.took, 1)
    if (longest > worst.longest) worst = { longest, name, waited }
  }
  return {
    promise: `each of ${bad.length} bad requests, up to the largest that is taken: a Health call of another client, made every few ms, is answered within ${MOST} ms`,
    measured: `${spread(took)}, at "${worst.name}", while the gateway waited ${worst.waited.toFixed(1)} ms for a core; ${failed} of them not OK`,
    holds: worst.longest < MOST && failed === 0,
  }
}

/** How long the main thread of a process has been ready to run and did not, for others did, in ms. */
function waitedForCore(pid: number): number {
  const [, waited = '0'] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')
  return Number(waited) / 1e6
}

interface Place {
  readonly ports: Ports
  readonly probe: HealthProbe
  readonly upstream: UpstreamServer
}

async function mutations({ ports, probe, upstream }: Place, count: number): Promise<Figures> {
  // What is still a request reaches the upstream, which remembers it.
  const forgetting = setInterval(() => upstream.hits.splice(0), 1_000)
  await mutatedCalls(ports, 0.6 * count)
  await mutatedRequests(ports, 0.2 * count)
  await mutatedFrames(ports, 0.2 * count)
  clearInterval(forgetting)
  const { took, failed }: Probed = await probe.take()
  return {
    promise: `${count} mutated frames (messages at both servers, HTTP/2 frames of all kinds), 50 at once: the same Health calls are answered within ${MOST} ms`,
    measured: `${spread(took)}; ${failed} of them not OK`,
    holds: quantile(took, 1) < MOST && failed === 0,
  }
}

async function afterwards(gateway: RunningGateway): Promise<Figures> {
  const isServed = await served(gateway)
  const failures = gateway.output().split('\n').filter(isFailure)
  return {
    promise: 'after it the process is the same, has logged no failure of its own, and answers a chat at both servers',
    measured: `${isServed ? 'answered' : 'not answered'}; failures logged: ${failures.length}${failures[0] ? `, the first: ${failures[0]}` : ''}`,
    holds: isServed && failures.length === 0,
  }
}

/** At both servers; by the first process, as there is no other. */
async function served({ grpc, http }: RunningGateway): Promise<boolean> {
  const servers = [new GrpcClient(grpc), new ConnectClient(http)]
  const outcomes = await Promise.all(servers.map((server) => chat(server, { model: 'house/m' })))
  for (const server of servers) server.close()
  return outcomes.every(({ value }) => value?.message?.content === 'ok')
}

/** What a bad request must never lead to: an INTERNAL error, an error that nobody caught, what Node prints itself. */
function isFailure(line: string): boolean {
  return !line.startsWith('{') || /"message":"(?:a call failed inside|the gateway met an error)/.test(line)
}
