import { request as httpRequest } from 'node:http'
import { connect } from 'node:http2'
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { ChatRequestSchema, Role } from '../../src/domain/types.ts'
import { type CallOptions, DEFAULT_DEADLINE } from './client.ts'
import { callFrame, flags, frame, frames, message, RawHttp2, resetFrame } from './raw-http2.ts'

/** The options of a call with an idempotency key; `trailers` has what came with its end. */
export function withKey(key: string, more: Readonly<Record<string, string>> = {}) {
  const trailers: { replayed?: string | undefined; kept?: string | undefined } = {}
  const options: CallOptions = {
    deadline: DEFAULT_DEADLINE,
    metadata: { 'idempotency-key': key, ...more },
    onTrailers(get) {
      trailers.replayed = get('idempotent-replayed')
      trailers.kept = get('idempotency-kept')
    },
  }
  return { options, trailers }
}

/** A call over a connection of its own, which its client can lose, or cancel. */
export interface OwnCall {
  /** The connection is gone, without a word about the call. */
  lose(): void
  cancel(): void
  close(): void
}

/** A call at the gRPC server. */
export function ownCall<S extends DescMessage>(
  port: number,
  method: string,
  [schema, request]: readonly [S, MessageInitShape<S>],
  headers: Readonly<Record<string, string>>,
): OwnCall {
  const client = new RawHttp2(port)
  const body = message(Buffer.from(toBinary(schema, create(schema, request))))
  client.send(
    callFrame(1, `/llmgateway.v1.LlmGateway/${method}`, Object.entries(headers)),
    frame(frames.DATA, flags.END_STREAM, 1, body),
  )
  return {
    lose: () => client.close(),
    cancel: () => client.send(resetFrame(1)),
    close: () => client.close(),
  }
}

/** The status and the message of a chat whose headers are sent as they are given, several of one name too. */
export interface Refused {
  readonly code: string
  readonly message: string
}

export function chatAtGrpc(address: string, keys: readonly string[]): Promise<Refused> {
  const session = connect(`http://${address}`)
  session.on('error', () => {})
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/llmgateway.v1.LlmGateway/Chat',
      'content-type': 'application/grpc',
      te: 'trailers',
      'idempotency-key': [...keys],
    })
    const read = (headers: { readonly 'grpc-status'?: unknown; readonly 'grpc-message'?: unknown }) => {
      if (headers['grpc-status'] === undefined) return
      session.close()
      resolve({ code: String(headers['grpc-status']), message: decodeURI(String(headers['grpc-message'] ?? '')) })
    }
    stream.on('response', read)
    stream.on('trailers', read)
    stream.on('error', reject)
    stream.resume()
    stream.end(message(Buffer.from(toBinary(ChatRequestSchema, someChat()))))
  })
}

export function chatAtHttp(url: string, keys: readonly string[]): Promise<Refused> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${url}/llmgateway.v1.LlmGateway/Chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': [...keys] },
    })
    request.on('error', reject)
    request.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => {
        const { code = '', message = '' } = JSON.parse(text)
        resolve({ code, message })
      })
    })
    request.end('{"model":"up/m","messages":[{"role":"ROLE_USER","content":"hi"}]}')
  })
}

function someChat() {
  return create(ChatRequestSchema, { model: 'up/m', messages: [{ role: Role.USER, content: 'hi' }] })
}
