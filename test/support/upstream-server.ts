import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { Socket } from 'node:net'

/** What an upstream was asked. */
export interface Hit {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** The body, parsed; empty when it is not a JSON object. */
  readonly json: Readonly<Record<string, unknown>>
  /** Which of the connections it came by, counted from 1. */
  readonly connection: number
  /** Settles when its connection is closed, with the time on the monotonic clock, in ms. */
  readonly closed: Promise<number>
  /** Settles when the reply has been handed to the system as a whole. */
  readonly answered: Promise<void>
}

/** One exchange, for a reply to be made of: by the book through `response`, or byte by byte through `socket`. */
export interface Exchange {
  readonly hit: Hit
  readonly response: ServerResponse
  readonly socket: Socket
}

export type Reply = (exchange: Exchange) => void

export interface UpstreamServer {
  /** `http://host:port`, or `https://`. */
  readonly url: string
  readonly port: number
  readonly hits: Hit[]
  /** What every request from now on is answered with, or each by a reply of its own, the last for all that follow. */
  answer(...replies: readonly Reply[]): void
  /** Settles with the next request that arrives. */
  nextHit(): Promise<Hit>
  close(): Promise<void>
}

export interface UpstreamOptions {
  /** PEM. */
  readonly tls?: { readonly key: Buffer; readonly cert: Buffer }
}

/** A real HTTP server that sends exactly what it is told to, and remembers what it was asked. */
export async function startUpstream(...first: readonly Reply[]): Promise<UpstreamServer> {
  return startUpstreamWith({}, ...first)
}

/** Answers the first request of each connection, and resets those that use it again. */
export async function startForgetfulUpstream(text: string): Promise<UpstreamServer> {
  const served = new Set<number>()
  return startUpstream((exchange) => {
    const { connection } = exchange.hit
    const reply = served.has(connection) ? reset : answers(text)
    served.add(connection)
    reply(exchange)
  })
}

export async function startUpstreamWith({ tls }: UpstreamOptions, ...first: readonly Reply[]): Promise<UpstreamServer> {
  const hits: Hit[] = []
  const waiting: ((hit: Hit) => void)[] = []
  const connections: Socket[] = []
  let replies = [...first]
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { socket } = request
      const hit = hitOf(request, response, Buffer.concat(chunks), connections.indexOf(socket) + 1)
      hits.push(hit)
      const reply = replies.length > 1 ? replies.shift() : replies[0]
      for (const notify of waiting.splice(0)) notify(hit)
      reply?.({ hit, response, socket })
    })
  }
  const server = tls ? createSecureServer(tls, serve) : createServer(serve)
  server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
    connections.push(socket)
    socket.setNoDelay(true)
    // Every request of a connection listens for its end.
    socket.setMaxListeners(0)
    // A gateway that hangs up is what many tests are about.
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    port,
    hits,
    answer(...next) {
      replies = [...next]
    },
    nextHit: () => new Promise((resolve) => waiting.push(resolve)),
    async close() {
      for (const socket of connections) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

function hitOf(request: IncomingMessage, response: ServerResponse, bytes: Buffer, connection: number): Hit {
  const body = bytes.toString('utf8')
  return {
    path: request.url ?? '',
    headers: request.headers,
    body,
    json: parsed(body),
    connection,
    closed: new Promise((resolve) => request.socket.once('close', () => resolve(performance.now()))),
    answered: new Promise((resolve) => response.once('finish', resolve)),
  }
}

function parsed(body: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}

/** A reply that is one JSON body, or one that only claims to be. */
export function json(body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Reply {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return ({ response }) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(text)
  }
}

/** The body of a chat's answer, as OpenAI and its family write it. */
export function chatBody(content: string, more: Readonly<Record<string, unknown>> = {}) {
  return {
    id: 'chatcmpl-1',
    model: 'm-2026',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
    ...more,
  }
}

/** A streamed chunk with a piece of text. */
export function delta(content: string): string {
  return frame({ id: 'chatcmpl-1', choices: [{ index: 0, delta: { content }, finish_reason: null }] })
}

export function frame(chunk: unknown): string {
  return `data: ${typeof chunk === 'string' ? chunk : JSON.stringify(chunk)}\n\n`
}

/** The chunk that says why the model stopped. */
export const STOP = frame({ id: 'chatcmpl-1', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })
export const USAGE = frame({ choices: [], usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 } })
export const DONE = frame('[DONE]')

/** Answers a chat of either sort with these words. */
export function answers(...words: readonly string[]): Reply {
  return (exchange) => {
    if (exchange.hit.json['stream'] !== true) json(chatBody(words.join('')))(exchange)
    else stream(...words.map(delta), STOP, USAGE, DONE)(exchange)
  }
}

/** Server-sent events, each piece a write of its own, and the proper end of the reply. */
export function stream(...pieces: readonly (string | Buffer)[]): Reply {
  return (exchange) => {
    begin(...pieces)(exchange)
    exchange.response.end()
  }
}

/** The same without an end: what becomes of it is the test's to say. */
export function begin(...pieces: readonly (string | Buffer)[]): Reply {
  return ({ response }) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.flushHeaders()
    for (const piece of pieces) response.write(piece)
  }
}

/** Begins a stream, waits until all of it is on its way, then acts. */
export function beginThen(pieces: readonly (string | Buffer)[], act: (exchange: Exchange) => void): Reply {
  return (exchange) => {
    begin(...pieces.slice(0, -1))(exchange)
    exchange.response.write(pieces.at(-1) ?? '', () => setImmediate(act, exchange))
  }
}

/** Replies as `reply` does, once it is released. */
export function held(reply: Reply): { readonly reply: Reply; release(): void } {
  let release = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  return { reply: (exchange) => void released.then(() => reply(exchange)), release }
}

/** Says nothing, for ever. */
export const silence: Reply = () => {}

/** Closes the connection with RST. */
export const reset: Reply = ({ socket }) => {
  socket.resetAndDestroy()
}

/** Sends these bytes and closes with FIN, whatever HTTP says. */
export function bytesThenFin(...bytes: readonly (string | Buffer)[]): Reply {
  return ({ socket }) => {
    for (const piece of bytes) socket.write(piece)
    socket.end()
  }
}

/** An error as OpenAI writes it. */
export function failure(status: number, error: Readonly<Record<string, unknown>> = {}, headers = {}): Reply {
  return json({ error: { message: 'no', type: null, code: null, ...error } }, status, headers)
}
