import { createHash } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { systemClock } from '../../../src/domain/clock.ts'
import { createAuthenticator } from '../../../src/identity/authenticator.ts'
import { CallerCheck } from '../../../src/server/bounds/caller-check.ts'
import { GrpcServer } from '../../../src/server/grpc/grpc-server.ts'
import { HttpServer, type HttpServerOptions } from '../../../src/server/http/http-server.ts'
import type { Methods } from '../../../src/service/method-types.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { serverOptions } from '../../support/server-options.ts'
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
  ask(caller?: keyof typeof keys): Promise<boolean>
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
  return { port, begun, refused, clock, ask: (caller = 'bob') => ask(kind, port, keys[caller]) }
}

async function ask(kind: ServerKind, port: number, key: string): Promise<boolean> {
  if (kind === 'gRPC') {
    const { TestClient } = await import('../../support/test-client.ts')
    const { LlmGateway } = await import('../../../src/domain/types.ts')
    const { Metadata } = await import('@grpc/grpc-js')
    const client = new TestClient(port)
    const metadata = new Metadata()
    metadata.set('authorization', `Bearer ${key}`)
    const { response } = await client.unary(LlmGateway.method.chat, { model: 'm' }, {}, metadata).answer
    client.close()
    return response !== undefined
  }
  const answer = await fetch(`http://127.0.0.1:${port}${CHAT_PATH}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': key, connection: 'close' },
    body: '{"model":"m"}',
  })
  await answer.text()
  return answer.status === 200
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
