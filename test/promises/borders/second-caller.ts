import { once } from 'node:events'
import { gzipSync } from 'node:zlib'
import { create, toBinary } from '@bufbuild/protobuf'
import { ChatRequestSchema, Role } from '../../../src/domain/types.ts'
import { startProcess } from '../../support/process.ts'
import { message } from '../../support/raw-http2.ts'

/** What the calls of a caller with a valid key took since the last time they were asked for. */
export interface Waited {
  /** In ms. */
  readonly took: readonly number[]
  /** Those that were not answered with OK. */
  readonly failed: readonly string[]
}

/** Asks both servers of a gateway in turn, from a process of its own, without a pause longer than 20 ms. */
export interface SecondCaller {
  take(): Promise<Waited>
  close(): Promise<void>
}

export interface SecondCallerOptions {
  /** URL of the gRPC server, `http://` or `https://`. */
  readonly grpc: string
  readonly http: string
  /** None where a gateway has no keys. */
  readonly key?: string | undefined
}

/** Larger than what a request has in its first window, and hardly compressible. */
const TEXT = Array.from({ length: 7_000 }, (_, index) => Math.sin(index).toString(36).slice(3, 13)).join('')

export async function startSecondCaller(options: SecondCallerOptions): Promise<SecondCaller> {
  const request = create(ChatRequestSchema, { model: 'sim/echo', messages: [{ role: Role.USER, content: TEXT }] })
  const bytes = toBinary(ChatRequestSchema, request)
  const bodies = {
    grpc: message(gzipSync(bytes), true).toString('base64'),
    http: Buffer.from(bytes).toString('base64'),
  }
  const child = startProcess(process.execPath, ['-e', script], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const exited = once(child, 'exit')
  child.send({ ...options, bodies })
  const take = async (): Promise<Waited> => {
    child.send('take')
    const [waited] = await once(child, 'message')
    return waited
  }
  await take()
  return {
    take,
    async close() {
      child.kill('SIGKILL')
      await exited
    },
  }
}

/** Without a loader, so that it begins at once. */
const script = `
const http2 = require('node:http2')
const { request: plain } = require('node:http')
const { request: secure } = require('node:https')
const PATH = '/llmgateway.v1.LlmGateway/Chat'
let options, session, took = [], failed = [], left = -1
function overGrpc(done) {
  if (!session || session.destroyed || session.closed) {
    session = http2.connect(options.grpc, { rejectUnauthorized: false })
    session.on('error', () => {})
  }
  const authorization = options.key ? { authorization: 'Bearer ' + options.key } : {}
  const stream = session.request({ ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc', te: 'trailers', 'grpc-encoding': 'gzip', ...authorization })
  let status = 'none'
  const read = (fields) => { status = fields['grpc-status'] ?? status }
  stream.on('response', read)
  stream.on('trailers', read)
  stream.on('error', () => {})
  stream.resume()
  stream.end(Buffer.from(options.bodies.grpc, 'base64'))
  stream.on('close', () => done(status === '0' ? undefined : 'gRPC ' + status))
}
function overHttp(done) {
  const headers = { 'content-type': 'application/proto', ...(options.key && { 'x-api-key': options.key }) }
  const send = options.http.startsWith('https') ? secure : plain
  const sent = send(options.http + PATH, { method: 'POST', headers, rejectUnauthorized: false }, (response) => {
    response.resume()
    response.on('close', () => done(response.statusCode === 200 ? undefined : 'HTTP ' + response.statusCode))
  })
  sent.on('error', (error) => done('HTTP ' + error.code))
  sent.end(Buffer.from(options.bodies.http, 'base64'))
}
function ask(over, other) {
  const begun = performance.now()
  let isOver = false
  over((failure) => {
    if (isOver) return
    isOver = true
    took.push(performance.now() - begun)
    if (failure) failed.push(failure)
    if (left >= 0 && left-- === 0) {
      process.send({ took, failed })
      took = []
      failed = []
    }
    setTimeout(ask, 20, other, over)
  })
}
process.on('message', (sent) => {
  if (sent === 'take') left = 2
  else {
    options = sent
    ask(overGrpc, overHttp)
  }
})
process.on('disconnect', () => process.exit())
`
