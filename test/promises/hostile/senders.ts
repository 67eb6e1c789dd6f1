import { request } from 'node:http'
import { connect, type OutgoingHttpHeaders } from 'node:http2'
import { connect as connectSocket } from 'node:net'
import { RawHttp2 } from '../../support/raw-http2.ts'

export const CHAT = '/llmgateway.v1.LlmGateway/Chat'
/** What a request may take, in ms. */
const PATIENCE = 10_000

/** The ports of a gateway's doors. */
export interface Ports {
  readonly grpc: number
  readonly http: number
}

/** A request that is wrong, and no more than one. Settles when it was answered, or the connection is closed. */
export interface Bad {
  readonly name: string
  send(ports: Ports): Promise<void>
}

/** A call at the gRPC door over a connection of its own; `body` as it is. */
export function call(name: string, body: () => Buffer, headers: OutgoingHttpHeaders = {}): Bad {
  return {
    name: `gRPC: ${name}`,
    send: ({ grpc }) =>
      new Promise((resolve) => {
        const session = connect(`http://127.0.0.1:${grpc}`)
        const end = () => {
          clearTimeout(timer)
          session.destroy()
          resolve()
        }
        const timer = setTimeout(end, PATIENCE)
        session.on('error', end)
        session.on('close', end)
        const usual = { ':method': 'POST', ':path': CHAT, 'content-type': 'application/grpc', te: 'trailers' }
        const stream = session.request({ ...usual, ...headers })
        stream.on('error', () => {})
        stream.on('close', end)
        stream.resume()
        if (headers[':method'] !== 'GET') stream.end(body())
      }),
  }
}

/** A request at the HTTP door over a connection of its own. */
export function post(
  name: string,
  body: () => string | Buffer,
  headers: OutgoingHttpHeaders = {},
  path = CHAT,
  method = 'POST',
): Bad {
  return {
    name: `HTTP: ${name}`,
    send: ({ http }) =>
      new Promise((resolve) => {
        const usual = { 'content-type': 'application/json' }
        const to = { host: '127.0.0.1', port: http, agent: false, timeout: PATIENCE } as const
        const sent = request({ ...to, path, method, headers: { ...usual, ...headers } }, (response) =>
          response.resume(),
        )
        sent.on('timeout', () => sent.destroy())
        sent.on('error', () => {})
        sent.on('close', resolve)
        sent.end(body())
      }),
  }
}

/** These bytes to a door, and nothing else. */
export function bytes(name: string, server: keyof Ports, text: () => string | Buffer): Bad {
  return {
    name: `${server === 'grpc' ? 'gRPC' : 'HTTP'}: ${name}`,
    send: (ports) => leaving(connectSocket(ports[server], '127.0.0.1'), text()),
  }
}

async function leaving(socket: ReturnType<typeof connectSocket>, text: string | Buffer): Promise<void> {
  socket.on('error', () => {})
  socket.resume()
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text)
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 500))])
  socket.destroy()
}

/** Frames to the gRPC door, once the connection stands. */
export function framed(name: string, frames: () => readonly Buffer[]): Bad {
  return {
    name: `gRPC: ${name}`,
    async send({ grpc }) {
      const hostile = new RawHttp2(grpc)
      await new Promise((resolve) => hostile.socket.once('data', resolve))
      hostile.send(...frames())
      await Promise.race([hostile.closed, new Promise((resolve) => setTimeout(resolve, 1_000))])
      hostile.close()
    },
  }
}
