import { createHash } from 'node:crypto'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import * as grpc from '@grpc/grpc-js'
import { systemClock } from '../../../src/domain/clock.ts'
import { LlmGateway } from '../../../src/domain/types.ts'
import { createAuthenticator } from '../../../src/identity/authenticator.ts'
import { CallerCheck } from '../../../src/server/bounds/caller-check.ts'
import { GrpcServer } from '../../../src/server/grpc/grpc-server.ts'
import { HttpServer, type HttpServerOptions } from '../../../src/server/http/http-server.ts'
import type { Methods } from '../../../src/service/method-types.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { serverOptions } from '../../support/server-options.ts'
import { TestClient } from '../../support/test-client.ts'
import { chatResponse } from '../../support/test-stream.ts'

/** Keys of two callers. */
export const keys = { alice: 'alice-key-0123456789', bob: 'bob-key-0123456789' }
export const CHAT_PATH = '/llmgateway.v1.LlmGateway/Chat'

export type ServerKind = 'gRPC' | 'HTTP'

export interface GuardedServer {
  readonly port: number
  /** Names of the callers whose calls began. */
  readonly begun: string[]
  readonly refused: string[]
  /** Clock of the delays of refused credentials. */
  readonly clock: FakeClock
  /** Asks as `caller` over a connection of its own, and returns whether it was answered. */
  ask(caller?: keyof typeof keys, question?: Question): Promise<boolean>
}

export interface Question {
  /** Length of the question. Default: short. */
  readonly bytes?: number
  readonly gzip?: boolean
  /** The certificate of the server's authority, where it has TLS. */
  readonly ca?: Buffer
}

export interface GuardedOptions extends Partial<HttpServerOptions> {
  readonly methods?: Partial<Methods>
}

/** A server that two API keys may call. `closing` collects what ends it. */
export async function openGuarded(
  kind: ServerKind,
  closing: (() => unknown)[],
  { methods, ...rest }: GuardedOptions = {},
): Promise<GuardedServer> {
  const begun: string[] = []
  const refused: string[] = []
  const clock = new FakeClock()
  const authenticator = createAuthenticator(
    {
      kind: 'required',
      keys: Object.entries(keys).map(([name, key]) => ({
        name,
        sha256: createHash('sha256').update(key).digest('hex'),
        admin: false,
      })),
    },
    { clock: systemClock },
  )
  const { options } = serverOptions(
    {
      chat: async (_request, context) => {
        const { name } = await authenticator.identify(context)
        begun.push(name)
        return chatResponse('fine')
      },
      ...methods,
    },
    {
      callerCheck: new CallerCheck({ authenticator, clock }),
      onRefused: (refusal) => refused.push(refusal),
      ...rest,
    },
  )
  const server = kind === 'gRPC' ? new GrpcServer(options) : new HttpServer({ ...options, ready: () => true, ...rest })
  const port = await server.listen()
  closing.push(() => server.drain(0))
  return {
    port,
    begun,
    refused,
    clock,
    ask: (caller = 'bob', question = {}) => (kind === 'gRPC' ? askGrpc : askHttp)(port, keys[caller], question),
  }
}

async function askGrpc(port: number, key: string, { bytes = 1, gzip, ca }: Question): Promise<boolean> {
  const credentials = ca ? grpc.credentials.createSsl(ca) : grpc.credentials.createInsecure()
  const client = new TestClient(port, credentials, gzip ? { 'grpc.default_compression_algorithm': 2 } : {})
  const metadata = new grpc.Metadata()
  metadata.set('authorization', `Bearer ${key}`)
  const { response } = await client.unary(LlmGateway.method.chat, { model: 'm'.repeat(bytes) }, {}, metadata).answer
  client.close()
  return response !== undefined
}

function askHttp(port: number, key: string, { bytes = 1, gzip, ca }: Question): Promise<boolean> {
  const body = Buffer.from(`{"model":"${'m'.repeat(bytes)}"}`)
  const encoding = gzip ? { 'content-encoding': 'gzip' } : {}
  const headers = { 'content-type': 'application/json', 'x-api-key': key, ...encoding }
  const to = { host: 'localhost', port, path: CHAT_PATH, method: 'POST', agent: false, headers, family: 4 } as const
  return new Promise((resolve) => {
    const answer = (response: IncomingMessage) => {
      response.resume()
      response.on('close', () => resolve(response.statusCode === 200))
    }
    const sent = ca ? httpsRequest({ ...to, ca }, answer) : httpRequest(to, answer)
    sent.on('error', () => resolve(false))
    sent.end(gzip ? gzipSync(body) : body)
  })
}

/** A connection of HTTP/1.1 that sends these bytes, with everything it receives. */
export function rawHttp(port: number, closing: (() => unknown)[], ...texts: readonly string[]) {
  const socket: Socket = connect(port, '127.0.0.1')
  const received = { text: '', closed: false }
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    received.text += chunk.toString('latin1')
  })
  socket.on('close', () => {
    received.closed = true
  })
  for (const text of texts) socket.write(text)
  closing.push(() => socket.destroy())
  return { socket, received }
}
