import { request } from 'node:http'
import { connect } from 'node:http2'
import { gzipSync } from 'node:zlib'
import { forgetMostMemory, residentMemory } from '../../bench/process.ts'
import { chat } from '../support/client.ts'
import { type RunningGateway, startGateway } from '../support/gateway.ts'
import { GrpcClient } from '../support/grpc-client.ts'
import { message } from '../support/raw-http2.ts'
import { type Figures, type Promised, times } from './figures.ts'
import { CHAT } from './hostile/senders.ts'

const MiB = 2 ** 20
/** By default: compressed calls at once at each server, and bytes of requests that are not whole yet. */
const UNPACKED_AT_ONCE = 4
const PENDING = 128 * MiB
/** Memory outside of its heap that V8 lets lie before it collects. */
const LEFT_LYING = 64 * MiB
const CONNECTIONS = 4
const LARGE_AT_ONCE = 40

/** What requests that swell, and large ones, add to the memory of a gateway. */
export const bombs: Promised = {
  name: 'bombs',
  async measure(short) {
    const figures: Figures[] = []
    for (const largest of [4 * MiB, 16 * MiB]) {
      for (const server of ['gRPC', 'HTTP'] as const) {
        figures.push(await attack(swelling(largest, short ? 40 : 200), largest, server))
        figures.push(await attack(large(largest), largest, server))
      }
    }
    return figures
  },
}

interface Attack {
  readonly what: string
  readonly count: number
  readonly packed: boolean
  /** How many of them are let in at a time. */
  readonly letIn: number
  body(index: number): Buffer
}

function swelling(largest: number, count: number): Attack {
  const bomb = gzipSync(Buffer.alloc(16 * largest))
  const full = gzipSync(Buffer.alloc(largest - 1_000))
  return {
    what: `${count} compressed requests at once that decompress from ${kib(bomb)} to ${mib(16 * largest)}, or from ${kib(full)} to ${mib(largest)}, of which ${UNPACKED_AT_ONCE} are decompressed at a time`,
    count,
    packed: true,
    letIn: UNPACKED_AT_ONCE,
    body: (index) => (index < count / 2 ? bomb : full),
  }
}

function large(largest: number): Attack {
  const body = Buffer.alloc(largest - 1_000)
  const letIn = Math.min(LARGE_AT_ONCE, PENDING / largest)
  const what = `${LARGE_AT_ONCE} requests at once of ${mib(largest)}, of which ${letIn} are admitted`
  return { what, count: LARGE_AT_ONCE, packed: false, letIn, body: () => body }
}

/** At a gateway of its own, for what one attack has grown is room for the next. */
async function attack(
  { what, count, packed, letIn, body }: Attack,
  largest: number,
  server: 'gRPC' | 'HTTP',
): Promise<Figures> {
  const gateway = await startGateway({
    yaml: `
      server: { max_receive_bytes: ${largest} }
      providers: { sim: { kind: simulator } }
    `,
  })
  await warmUp(gateway)
  const sessions = Array.from({ length: CONNECTIONS }, () => connect(`http://${gateway.grpc}`))
  const growth = await growthOf(gateway.pid, count, (index) =>
    server === 'gRPC'
      ? grpcCall(sessions[index % CONNECTIONS], body(index), packed)
      : httpPost(gateway.http, body(index), packed),
  )
  for (const session of sessions) session.destroy()
  await gateway.close()
  const bound = 2 * letIn * largest + LEFT_LYING
  return {
    promise: `${what} (${server}, max_receive_bytes ${mib(largest)}): memory grows by no more than 2 x ${letIn} x ${mib(largest)}, and ${mib(LEFT_LYING)} of garbage that V8 has not collected: ${mib(bound)}`,
    measured: `${mib(growth.bytes)}; ${growth.ends}`,
    holds: growth.bytes <= bound && !growth.answered,
  }
}

interface Growth {
  readonly bytes: number
  /** How the requests ended, each ending with its count. */
  readonly ends: string
  /** Whether any was taken for a good one. */
  readonly answered: boolean
}

/** The largest resident memory of a process while so many requests are under way, above what it was before. */
async function growthOf(pid: number, count: number, send: (index: number) => Promise<string>): Promise<Growth> {
  forgetMostMemory(pid)
  const before = residentMemory(pid)
  const ends = new Map<string, number>()
  await times(count, count, async (index) => {
    const end = await send(index)
    ends.set(end, (ends.get(end) ?? 0) + 1)
  })
  const text = [...ends].map(([end, times]) => `${times} ended with ${end}`).join(', ')
  return { bytes: residentMemory(pid, 'VmHWM') - before, ends: text, answered: ends.has('0') || ends.has('200') }
}

function grpcCall(session: ReturnType<typeof connect> | undefined, body: Buffer, packed: boolean): Promise<string> {
  return new Promise((resolve) => {
    if (!session) throw new Error('there is no session')
    const encoding = packed ? { 'grpc-encoding': 'gzip' } : {}
    const headers = {
      ':method': 'POST',
      ':path': CHAT,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...encoding,
    }
    const stream = session.request(headers)
    let status: unknown
    const read = (fields: Readonly<Record<string, unknown>>) => {
      status ??= fields['grpc-status']
    }
    stream.on('response', read)
    stream.on('trailers', read)
    stream.on('error', () => {})
    stream.on('close', () => resolve(String(status ?? `reset ${stream.rstCode}`)))
    stream.resume()
    stream.end(message(body, packed))
  })
}

function httpPost(url: string, body: Buffer, packed: boolean): Promise<string> {
  return new Promise((resolve) => {
    const encoding = packed ? { 'content-encoding': 'gzip' } : {}
    const headers = { 'content-type': 'application/proto', 'content-length': body.length, ...encoding }
    const sent = request(`${url}${CHAT}`, { method: 'POST', agent: false, headers }, (response) => {
      response.resume()
      response.on('close', () => resolve(String(response.statusCode)))
    })
    sent.on('error', () => resolve('a broken connection'))
    sent.end(body)
  })
}

/** A process that has just started has yet to make room for its work: compressed calls as well. */
async function warmUp(gateway: RunningGateway): Promise<void> {
  const client = new GrpcClient(gateway.grpc, { 'grpc.default_compression_algorithm': 2 })
  await times(1_000, 8, async () => void (await chat(client, { model: 'sim/echo' })))
  client.close()
}

function kib(bytes: Buffer): string {
  return `${(bytes.length / 1024).toFixed(0)} KiB`
}

function mib(bytes: number): string {
  return `${(bytes / MiB).toFixed(0)} MiB`
}
