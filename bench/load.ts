import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Load {
  readonly port: number
  /** As in the contract. */
  readonly method: string
  /** The message of each call. */
  readonly request: Uint8Array
  readonly calls: number
  readonly connections: number
  /** Calls in flight on each connection. */
  readonly streams: number
  /** For the files that h2load reads and writes. */
  readonly folder: string
}

export interface LoadResult {
  /** Calls per second. */
  readonly rate: number
  /** Size of all replies, without headers. */
  readonly bytes: number
  /** Duration of each call, in ms, sorted. */
  readonly latencies: readonly number[]
}

/** What every call brings: a key and a deadline, as real callers do. */
export const CALLER_KEY = 'bench-caller-key'
const headers = {
  'content-type': 'application/grpc',
  te: 'trailers',
  authorization: `Bearer ${CALLER_KEY}`,
  'grpc-timeout': '60S',
  'user-agent': 'bench',
}

export async function h2loadVersion(): Promise<string | undefined> {
  try {
    return (await run('h2load', ['--version'])).stdout.trim()
  } catch {
    return undefined
  }
}

/** Makes the calls as fast as they are answered. Throws when a reply is not HTTP 200. */
export async function load({ port, method, request, calls, connections, streams, folder }: Load): Promise<LoadResult> {
  const body = `${folder}/request.bin`
  const times = `${folder}/times.tsv`
  await writeFile(body, framed(request))
  await writeFile(times, '')
  const args = ['-n', calls, '-c', connections, '-m', streams, '-d', body, `--log-file=${times}`].map(String)
  for (const [name, value] of Object.entries(headers)) args.push('-H', `${name}: ${value}`)
  const url = `http://127.0.0.1:${port}/llmgateway.v1.LlmGateway/${method}`
  const { stdout } = await run('h2load', [...args, url], { maxBuffer: 16 << 20 })
  const good = Number(/^status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx$/m.exec(stdout)?.[1])
  const rate = Number(/^finished in .*, ([\d.]+) req\/s/m.exec(stdout)?.[1])
  const bytes = Number(/\((\d+)\) data$/m.exec(stdout)?.[1])
  if (good !== calls || Number.isNaN(bytes)) throw new Error(`${method}: not every call was answered\n${stdout}`)
  const latencies = (await readFile(times, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => Number(line.split('\t')[2]) / 1000)
  return { rate, bytes, latencies: latencies.sort((a, b) => a - b) }
}

/** With the five bytes that gRPC puts before a message. */
function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}
