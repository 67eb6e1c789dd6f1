import { request } from 'node:http'
import http2 from 'node:http2'
import { message } from '../../support/raw-http2.ts'
import { CHAT } from '../hostile/senders.ts'
import type { World } from './world.ts'

export const KINDS = ['gRPC', 'HTTP'] as const

export interface Sent {
  /** A message, or bytes that are none. */
  readonly body: Buffer
  /** None for a stranger. */
  readonly key?: string | undefined
  /** Type of the body at the HTTP server. */
  readonly type?: string
}

export interface Replied {
  /** `grpc-status` or the status of HTTP. */
  readonly status: string
  /** What came back, as text. */
  readonly text: string
}

/** Sends a chat over a connection of its own. */
export function chatOver(kind: 'gRPC' | 'HTTP', world: World, sent: Sent): Promise<Replied> {
  return kind === 'gRPC' ? overGrpc(world.grpc, sent) : overHttp(world.http, sent)
}

function overGrpc(port: number, { body, key }: Sent): Promise<Replied> {
  const session = http2.connect(`http://127.0.0.1:${port}`, { maxSessionMemory: 100 })
  session.on('error', () => {})
  const stream = session.request({
    ':method': 'POST',
    ':path': CHAT,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...(key !== undefined && { authorization: `Bearer ${key}` }),
  })
  let status = 'none'
  let text = ''
  const read = (headers: http2.IncomingHttpHeaders) => {
    status = String(headers['grpc-status'] ?? status)
  }
  stream.on('response', read)
  stream.on('trailers', read)
  stream.on('error', () => {})
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  stream.end(message(body))
  return new Promise((resolve) =>
    stream.once('close', () => {
      session.destroy()
      resolve({ status, text })
    }),
  )
}

function overHttp(port: number, { body, key, type = 'application/proto' }: Sent): Promise<Replied> {
  const headers = {
    'content-type': type,
    'content-length': body.length,
    ...(key !== undefined && { 'x-api-key': key }),
  }
  return new Promise((resolve) => {
    let reply: Replied = { status: 'none', text: '' }
    const to = { host: '127.0.0.1', port, path: CHAT, method: 'POST', agent: false, headers }
    const sent = request(to, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1')
      })
      response.on('end', () => {
        reply = { status: String(response.statusCode), text }
      })
    })
    sent.on('error', () => {})
    sent.on('close', () => resolve(reply))
    sent.end(body)
  })
}
