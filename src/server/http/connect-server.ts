import type { ServerHttp2Session } from 'node:http2'
import type { DescMethodServerStreaming, DescMethodUnary } from '@bufbuild/protobuf'
import { createConnectRouter, createContextValues } from '@connectrpc/connect'
import type { UniversalHandler } from '@connectrpc/connect/protocol'
import { errorToJsonBytes } from '@connectrpc/connect/protocol-connect'
import {
  compressionGzip,
  // biome-ignore lint/suspicious/noDeprecatedImports: only its other signature is deprecated
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from '@connectrpc/connect-node'
import type { Clock } from '../../domain/clock.ts'
import { requestChecks } from '../codec/request-check.ts'
import { UnpackingRoom } from '../codec/unpacking.ts'
import { ConnectionGate } from '../connections/connection-gate.ts'
import { listenOn } from '../connections/listen.ts'
import { toConnectError, toHeaders } from '../errors.ts'
import { refusalReply } from '../refusals.ts'
import {
  LiveCalls,
  type ServerOptions,
  type ServerSettings,
  TIME_TO_END,
  TIME_TO_LEAVE,
  withDefaults,
} from '../server-options.ts'
import { limitConnectTimeout, limitGrpcTimeout } from '../timeouts.ts'
import { answerStream, answerUnary, type ConnectExchange, exchangeKey } from './connect-call.ts'
import { type BodyOptions, withCheckedBody } from './http-body.ts'
import {
  type HttpRequest,
  type HttpResponse,
  hasValidHost,
  isPreflight,
  setCorsHeaders,
  setSecurityHeaders,
} from './http-rules.ts'
import { breakOff, createHttpServer, type NodeHttpServer, putGateBefore } from './http-server.ts'

export interface HttpServerOptions extends ServerOptions {
  /** Whether calls are taken; for `/readyz`. */
  readonly ready: () => boolean
  /** Origins whose scripts may call; `*` means any. Default: none. */
  readonly corsOrigins?: readonly string[]
  /** Told of every request when it is over. `path` is one of ours or `other`; `seconds` is how long it took. */
  readonly onRequest?: (method: string, path: string, status: number, seconds: number) => void
}

/** As nginx logs it: the client went before it was answered. */
const CLIENT_CLOSED_REQUEST = 499

/** The door for curl, browsers and gRPC-Web: Connect's protocols over HTTP. */
export class HttpServer {
  readonly #options: HttpServerOptions
  readonly #settings: ServerSettings
  readonly #gate: ConnectionGate
  readonly #server: NodeHttpServer
  readonly #handlers: ReadonlyMap<string, UniversalHandler>
  readonly #live = new LiveCalls()
  readonly #unpacking: UnpackingRoom
  readonly #checkOf = requestChecks()
  readonly #sessions = new Set<ServerHttp2Session>()
  #draining = false

  constructor(options: HttpServerOptions) {
    this.#options = options
    this.#settings = withDefaults(options)
    this.#unpacking = new UnpackingRoom(this.#settings.maxCompressedCalls)
    this.#handlers = route(this.#settings, this.#live)
    this.#server = createHttpServer(this.#settings, (request, response) => this.#serve(request, response))
    this.#gate = new ConnectionGate(this.#settings)
    putGateBefore(this.#server, this.#gate)
    this.#server.on('session', (session: ServerHttp2Session) => {
      this.#sessions.add(session)
      session.once('close', () => this.#sessions.delete(session))
    })
  }

  /** How many calls are open. */
  get openCalls(): number {
    return this.#live.size
  }

  /** How many connections are open. */
  get openConnections(): number {
    return this.#gate.open
  }

  /** Returns the port. Rejects when the address cannot be bound. */
  listen(): Promise<number> {
    return listenOn(this.#server, this.#options.address)
  }

  /** Stops listening and finishes what is open. What is left after `grace` ms ends with UNAVAILABLE. */
  drain(grace: number): Promise<void> {
    const { clock } = this.#options
    this.#draining = true
    return new Promise((resolve) => {
      let stopTimer = clock.after(grace, () => {
        this.#live.drainAll()
        stopTimer = clock.after(TIME_TO_END + TIME_TO_LEAVE, () => this.#gate.destroyAll())
      })
      this.#server.close(() => {
        stopTimer()
        resolve()
      })
      for (const session of this.#sessions) session.close()
      this.#live.drainEndless()
    })
  }

  #serve(request: HttpRequest, response: HttpResponse): void {
    const { ids, corsOrigins = [], ready, tls } = this.#options
    const path = request.url?.split('?', 1)[0] ?? ''
    const handler = this.#handlers.get(path)
    const requestId = ids()
    response.setHeader('x-request-id', requestId)
    setSecurityHeaders(response, tls !== undefined)
    setCorsHeaders(request, response, corsOrigins)
    const isKnown = handler !== undefined || path === '/healthz' || path === '/readyz'
    this.#follow(request, response, isKnown ? path : 'other')
    if (!hasValidHost(request)) answer(response, 400, 'The Host header is missing or malformed.')
    else if (isPreflight(request)) answer(response, 204)
    else if (handler) this.#call(handler, request, response, requestId)
    else if (!isKnown || (request.method !== 'GET' && request.method !== 'HEAD')) answer(response, 404, 'Not found.')
    else if (path === '/readyz' && !ready()) answer(response, 503, 'not ready')
    else answer(response, 200, 'ok')
  }

  #call(handler: UniversalHandler, request: HttpRequest, response: HttpResponse, requestId: string): void {
    const { clock, readTimeout, isOverloaded, maxReceiveBytes, onRefused } = this.#settings
    if (isOverloaded()) {
      onRefused('overloaded')
      refuse(request, response, clock)
      return
    }
    // Node's own timeout knows HTTP/1.1 only.
    if (request.httpVersionMajor > 1) {
      const stopTimer = clock.after(readTimeout, () => {
        onRefused('read_timeout')
        breakOff(response)
      })
      request.once('end', stopTimer)
      response.once('close', stopTimer)
    }
    const isGone = () => response.closed
    const body = {
      check: this.#checkOf(handler.method.input),
      maxReceiveBytes,
      unpacking: this.#unpacking,
      isGone,
      onRefused,
      clock,
    }
    void call(handler, request, response, { requestId, body })
  }

  /** Reports the request when it is over. While draining, its connection must not stay for another one. */
  #follow(request: HttpRequest, response: HttpResponse, path: string): void {
    const { clock, onRequest } = this.#options
    const startedAt = clock.now()
    const isHttp1 = request.httpVersionMajor === 1
    if (this.#draining && isHttp1) response.setHeader('connection', 'close')
    response.once('close', () => {
      const status = response.headersSent ? response.statusCode : CLIENT_CLOSED_REQUEST
      onRequest?.(request.method ?? '', path, status, (clock.now() - startedAt) / 1000)
      if (this.#draining && isHttp1) request.socket.end()
    })
  }
}

function route(settings: ServerSettings, live: LiveCalls): ReadonlyMap<string, UniversalHandler> {
  const router = createConnectRouter({
    grpc: false, // has a door of its own
    readMaxBytes: settings.maxReceiveBytes,
    // Each call checks its own answer; JSON is longer than what is counted there.
    writeMaxBytes: 8 * settings.maxSendBytes,
    acceptCompression: [compressionGzip],
    // A misspelt field must not be lost in silence.
    jsonOptions: { ignoreUnknownFields: false },
  })
  for (const endpoint of settings.endpoints) {
    // The kind of an endpoint is the kind of its method.
    if (endpoint.kind === 'unary') {
      const mount = { endpoint, settings, live }
      const method = endpoint.method as DescMethodUnary
      router.rpc(method, (request, handler) => answerUnary(mount, request, handler))
    } else {
      const mount = { endpoint, settings, live }
      const method = endpoint.method as DescMethodServerStreaming
      router.rpc(method, (request, handler) => answerStream(mount, request, handler))
    }
  }
  return new Map(router.handlers.map((handler) => [handler.requestPath, handler]))
}

/** Never rejects. */
async function call(
  handler: UniversalHandler,
  request: HttpRequest,
  response: HttpResponse,
  { requestId, body }: { readonly requestId: string; readonly body: BodyOptions },
): Promise<void> {
  const exchange: ConnectExchange = {
    requestId,
    peer: `${request.socket.remoteAddress}:${request.socket.remotePort}`,
    onClose: (listener) => (response.closed ? listener() : response.once('close', listener)),
    destroy: () => breakOff(response),
  }
  try {
    limitGrpcTimeout(request.headers)
    limitConnectTimeout(request.headers)
    const values = createContextValues().set(exchangeKey, exchange)
    const universal = universalRequestFromNodeRequest(request, response, undefined, values)
    const reply = await handler(withCheckedBody(request, universal, body))
    await universalResponseToNodeResponse(reply, response)
  } catch {
    // The connection broke, or Connect met what it cannot answer.
    breakOff(response)
  }
}

/** In the words of gRPC-Web or of Connect, before either has read the request. */
function refuse(request: HttpRequest, response: HttpResponse, clock: Clock): void {
  const reply = refusalReply('overloaded', clock)
  const type = request.headers['content-type'] ?? ''
  if (type.startsWith('application/grpc-web')) {
    response.writeHead(200, { 'content-type': type, ...toHeaders(reply) })
    response.end()
    return
  }
  const retryAfter = String(Math.ceil((reply.pushback ?? 0) / 1000))
  response.writeHead(503, { 'content-type': 'application/json', 'retry-after': retryAfter })
  response.end(errorToJsonBytes(toConnectError(reply), undefined))
}

function answer(response: HttpResponse, status: number, text = ''): void {
  if (text) response.setHeader('content-type', 'text/plain; charset=utf-8')
  response.statusCode = status
  response.end(text && `${text}\n`)
}
