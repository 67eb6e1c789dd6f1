import { request as httpRequest } from 'node:http'
import { connect, constants } from 'node:http2'
import { connect as tlsConnect } from 'node:tls'
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { BatchChatRequestSchema, ChatRequestSchema, Role } from '../../src/domain/types.ts'
import { type CallOptions, DEFAULT_DEADLINE } from './client.ts'
import { callFrame, flags, frame, frames, message, RawHttp2, resetFrame } from './raw-http2.ts'

const HI: MessageInitShape<typeof ChatRequestSchema> = {
  model: 'up/m',
  messages: [{ role: Role.USER, content: 'hi' }],
}

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

/** A chat over a connection of its own, which its client can lose, or cancel. */
export interface OwnCall {
  /** Closes the connection without a word about the call. */
  lose(): void
  /** Resets the stream of the call. */
  cancel(): void
}

export interface OwnCallOptions {
  readonly method: 'Chat' | 'StreamChat' | 'BatchChat'
  readonly request: MessageInitShape<typeof ChatRequestSchema> | MessageInitShape<typeof BatchChatRequestSchema>
  /** Of the call. */
  readonly headers: Readonly<Record<string, string>>
}

/**
 * A call at the gRPC server. With `witness` a second call follows on the same connection, without a key: once it is gone,
 * the gateway knows that the connection is lost.
 */
export function callAtGrpc(
  address: string,
  { method, request, headers }: OwnCallOptions,
  witness?: OwnCallOptions['request'],
): OwnCall {
  const client = new RawHttp2(Number(address.split(':').at(-1)))
  const send = (stream: number, asked: OwnCallOptions['request'], more: OwnCallOptions['headers']) =>
    client.send(
      callFrame(stream, `/llmgateway.v1.LlmGateway/${method}`, Object.entries(more)),
      frame(frames.DATA, flags.END_STREAM, stream, message(bytesOf(asked))),
    )
  send(1, request, headers)
  if (witness) send(3, witness, {})
  return { lose: () => client.close(), cancel: () => client.send(resetFrame(1)) }
}

/** A call in Connect's protocol over HTTP/1.1, which a client can end only by closing its connection. */
export function callAtHttp1(url: string, { method, request, headers }: OwnCallOptions): Pick<OwnCall, 'lose'> {
  const isStream = method === 'StreamChat'
  const call = httpRequest(`${url}/llmgateway.v1.LlmGateway/${method}`, {
    method: 'POST',
    agent: false,
    headers: { 'content-type': isStream ? 'application/connect+proto' : 'application/proto', ...headers },
  })
  call.on('error', () => {})
  call.on('response', (response) => response.on('error', () => {}).resume())
  call.end(isStream ? message(bytesOf(request)) : bytesOf(request))
  return { lose: () => void call.destroy() }
}

/** The same over HTTP/2. */
export function callAtHttp2(url: string, ca: Buffer, { method, request, headers }: OwnCallOptions): OwnCall {
  const { hostname: host, port } = new URL(url)
  const socket = tlsConnect({ host, port: Number(port), ca, servername: 'localhost', ALPNProtocols: ['h2'] })
  socket.on('error', () => {})
  const session = connect(url, { createConnection: () => socket })
  session.on('error', () => {})
  const isStream = method === 'StreamChat'
  const call = session.request({
    ':method': 'POST',
    ':path': `/llmgateway.v1.LlmGateway/${method}`,
    'content-type': isStream ? 'application/connect+proto' : 'application/proto',
    ...headers,
  })
  call.on('error', () => {})
  call.resume()
  call.end(isStream ? message(bytesOf(request)) : bytesOf(request))
  return { lose: () => void socket.destroy(), cancel: () => call.close(constants.NGHTTP2_CANCEL) }
}

function bytesOf(request: OwnCallOptions['request']): Buffer {
  if ('requests' in request) {
    return Buffer.from(toBinary(BatchChatRequestSchema, create(BatchChatRequestSchema, request)))
  }
  return Buffer.from(toBinary(ChatRequestSchema, create(ChatRequestSchema, request)))
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
    stream.on('close', () => reject(new Error('the stream was closed without a status')))
    stream.resume()
    stream.end(message(bytesOf(HI)))
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
