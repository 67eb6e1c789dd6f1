import http2 from 'node:http2'
import { connect } from 'node:net'
import { message } from './raw-http2.ts'

export interface UnfinishedOptions {
  /** An API key; none for a stranger. */
  readonly key?: string | undefined
  /** What is sent. Default: nothing. */
  readonly bytes?: Buffer
  /** What the message is said to have. */
  readonly announced: number
  readonly gzip?: boolean
  readonly path?: string
}

/** A request whose body does not end. */
export interface Unfinished {
  /** Settles when everything was handed to the system, or the connection is closed. */
  readonly sent: Promise<void>
  /** `grpc-status` or the status of HTTP; `closed` where there is none. */
  readonly answer: Promise<string>
  /** What is known of the answer by now. */
  readonly status: string | undefined
  close(): void
}

const CHAT = '/llmgateway.v1.LlmGateway/Chat'
const NOTHING = Buffer.alloc(0)

/** Begins such a request over a connection of its own. */
export function unfinished(kind: 'gRPC' | 'HTTP', port: number, options: UnfinishedOptions): Unfinished {
  return kind === 'gRPC' ? overGrpc(port, options) : overHttp(port, options)
}

function overGrpc(port: number, { key, bytes = NOTHING, announced, gzip, path = CHAT }: UnfinishedOptions): Unfinished {
  // A session that has more than this in memory takes no responses, in MB.
  const session = http2.connect(`http://127.0.0.1:${port}`, { maxSessionMemory: 100 })
  session.on('error', () => {})
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...(key !== undefined && { authorization: `Bearer ${key}` }),
    ...(gzip && { 'grpc-encoding': 'gzip' }),
  })
  const state: { status?: string } = {}
  const read = (headers: http2.IncomingHttpHeaders) => {
    const status = headers['grpc-status']
    if (status !== undefined) state.status = String(status)
  }
  stream.on('response', read)
  stream.on('trailers', read)
  stream.on('error', () => {})
  stream.resume()
  const closed = new Promise<void>((resolve) => stream.once('close', resolve))
  const written = new Promise<void>((resolve) => {
    if (announced === 0) resolve()
    else {
      // Apart, so that many requests share the bytes.
      stream.write(message(Buffer.alloc(0), gzip, announced))
      stream.write(bytes, () => resolve())
    }
  })
  return {
    sent: Promise.race([written, closed]),
    answer: closed.then(() => state.status ?? 'closed'),
    get status() {
      return state.status
    },
    close: () => session.destroy(),
  }
}

function overHttp(port: number, { key, bytes = NOTHING, announced, gzip, path = CHAT }: UnfinishedOptions): Unfinished {
  const socket = connect(port, '127.0.0.1')
  const state: { text: string } = { text: '' }
  const statusOf = () => /^HTTP\/1\.1 (\d+)/.exec(state.text)?.[1]
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  const answered = new Promise<void>((resolve) =>
    socket.on('data', (chunk) => {
      state.text += chunk.toString('latin1')
      if (statusOf() !== undefined) resolve()
    }),
  )
  const headers = [
    `POST ${path} HTTP/1.1`,
    'Host: localhost',
    'Content-Type: application/proto',
    `Content-Length: ${announced}`,
    ...(key === undefined ? [] : [`X-Api-Key: ${key}`]),
    ...(gzip ? ['Content-Encoding: gzip'] : []),
  ]
  socket.write(`${headers.join('\r\n')}\r\n\r\n`)
  const written = new Promise<void>((resolve) => socket.write(bytes, () => resolve()))
  return {
    sent: Promise.race([written, closed]),
    answer: Promise.race([answered, closed]).then(() => statusOf() ?? 'closed'),
    get status() {
      return statusOf()
    },
    close: () => socket.destroy(),
  }
}
