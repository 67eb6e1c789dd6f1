import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import { isForeignOrigin, isPrivateHost } from '../../domain/text/web-origin.ts'
import { FIRST_WINDOW, UnreadRequest } from '../bounds/pending-request.ts'
import { afterTurns } from '../calls/after-turns.ts'
import { LiveCalls, TIME_TO_END, TIME_TO_LEAVE } from '../calls/live-calls.ts'
import { ConnectionGate } from '../connections/connection-gate.ts'
import { listenOn } from '../connections/listen.ts'
import { SessionGuard } from '../connections/session-guard.ts'
import type { ServerOptions } from '../server-options.ts'
import { isGrpc, useGrpcPort, wrongPortBody, wrongPortTrailers } from '../wrong-port.ts'
import { connectRoutes } from './connect-routes.ts'
import { healthRoutes } from './health-routes.ts'
import {
  type HttpRequest,
  type HttpResponse,
  hasBody,
  hasValidHost,
  hostOf,
  isPreflight,
  setCorsHeaders,
} from './http-rules.ts'
import {
  breakOff,
  createNodeServer,
  leaveBodyUnread,
  type NodeHttpServer,
  putGateBefore,
  refuseHttp2,
} from './node-server.ts'
import { answerText, type Exchange, programHeaders, type Route } from './route.ts'

export interface HttpServerOptions extends ServerOptions {
  /** Whether calls are taken; for `/readyz`. */
  readonly ready: () => boolean
  /** Names that are answered beside private ones, where callers need no credential; undefined answers every name. */
  readonly hosts?: readonly string[] | undefined
  /** Origins whose scripts may call; `*` means any. Default: none. */
  readonly corsOrigins?: readonly string[]
  /** Receives every request when it is over. `path` is one of ours or `other`; `seconds` is how long it took. */
  readonly onRequest?: (method: string, path: string, status: number, seconds: number) => void
}

const WRONG_HOST = 'This host name is not served without authentication: add it to server.hosts, or set auth.keys.'
const WRONG_ORIGIN = 'Pages of this origin may not call: add it to server.cors.origins.'

/** As nginx logs it: the client disconnected before it was answered. */
const CLIENT_CLOSED_REQUEST = 499

/** The server for curl, browsers and gRPC-Web. Which paths it has is in `#routes`. */
export class HttpServer {
  readonly #options: HttpServerOptions
  readonly #gate: ConnectionGate
  readonly #server: NodeHttpServer
  readonly #routes: ReadonlyMap<string, Route>
  readonly #live = new LiveCalls()
  readonly #sessions: SessionGuard
  #draining = false

  constructor(options: HttpServerOptions) {
    this.#options = options
    const routes = [...healthRoutes(options.ready, options.clock), ...connectRoutes(options, this.#live)]
    this.#routes = new Map(routes.map((route) => [route.path, route]))
    this.#server = createNodeServer(options, (request, response) => this.#serve(request, response, false))
    // Without a listener Node asks for the body before anything is known of the caller.
    this.#server.on('checkContinue', (request: HttpRequest, response: HttpResponse) =>
      this.#serve(request, response, true),
    )
    this.#gate = new ConnectionGate(options)
    this.#sessions = new SessionGuard(options)
    putGateBefore(this.#server, this.#gate, options.tls ? (socket, pass) => pass(socket) : refuseHttp2(options))
    this.#server.on('session', (session: ServerHttp2Session) => {
      this.#sessions.watch(session)
      this.#sessions.closeWhenIdle(session)
    })
    this.#server.on('stream', (stream: ServerHttp2Stream) => this.#countReset(stream))
  }

  /** Number of calls that are open. */
  get openCalls(): number {
    return this.#live.size
  }

  /** Number of connections that are open. */
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
        stopTimer = afterTurns(clock, TIME_TO_END + TIME_TO_LEAVE, () => this.#gate.destroyAll())
      })
      this.#server.close(async () => {
        await this.#live.ended()
        stopTimer()
        resolve()
      })
      this.#sessions.draining = true
      this.#sessions.closeAll()
      this.#live.drainEndless()
    })
  }

  #serve(request: HttpRequest, response: HttpResponse, waitsToSend: boolean): void {
    const { ids, corsOrigins = [], hosts, tls, clock } = this.#options
    const path = request.url?.split('?', 1)[0] ?? ''
    const route = this.#routes.get(path)
    const requestId = ids()
    response.setHeader('x-request-id', requestId)
    for (const [name, value] of Object.entries(route?.headers ?? programHeaders)) response.setHeader(name, value)
    if (tls) response.setHeader('strict-transport-security', 'max-age=31536000')
    setCorsHeaders(request, response, corsOrigins)
    this.#follow(request, response, route?.path ?? 'other')
    const answerPlainly = (status: number, text: string) => {
      if (hasBody(request)) leaveBodyUnread(request, response, clock)
      answerText(response, status, text)
    }
    if (isGrpc(request.headers['content-type'])) this.#refuseGrpc(request, response)
    else if (!hasValidHost(request)) answerPlainly(400, 'The Host header is missing or malformed.')
    else if (!route?.isForProbes && hosts && !isPrivateHost(hostOf(request), hosts)) answerPlainly(403, WRONG_HOST)
    else if (!route?.isForProbes && isForeignOrigin(request.headers.origin, hostOf(request), corsOrigins)) {
      answerPlainly(403, WRONG_ORIGIN)
    } else if (isPreflight(request)) answerPlainly(204, '')
    else if (route) this.#enter(route, { request, response, requestId, caller: undefined }, waitsToSend)
    else answerPlainly(404, 'Not found.')
  }

  /** A gRPC client comes here under TLS; in cleartext its connection was refused. */
  #refuseGrpc(request: HttpRequest, response: HttpResponse): void {
    const { onRefused, otherAddress, clock } = this.#options
    const sentence = useGrpcPort(otherAddress)
    onRefused('wrong_port', request.socket.remoteAddress)
    leaveBodyUnread(request, response, clock)
    if ('stream' in response) {
      response.stream.respond(wrongPortTrailers(sentence), { endStream: true })
      return
    }
    response.writeHead(415, { 'content-type': 'application/json' })
    response.end(wrongPortBody(sentence))
  }

  /** Checks the credential. Nothing of a body is read before. */
  #enter(route: Route, exchange: Exchange, waitsToSend: boolean): void {
    const { callerCheck, onRefused, clock } = this.#options
    const { request, response } = exchange
    const address = request.socket.remoteAddress
    let unread: UnreadRequest | undefined
    let isChecked = false
    callerCheck.check(
      { headers: request.headers, address, isOpen: route.isOpen },
      {
        pass(caller) {
          isChecked = true
          unread?.release()
          if (waitsToSend) response.writeContinue()
          route.serve({ ...exchange, caller })
        },
        refuse: () => {
          isChecked = true
          unread ??= this.#holdUnread(request, response)
          onRefused('credential', address)
          leaveBodyUnread(request, response, clock)
          route.refuse(exchange, 'credential')
        },
      },
    )
    if (!isChecked) unread = this.#holdUnread(request, response)
  }

  /** Counts what a client may have sent of a body that is not read. */
  #holdUnread(request: HttpRequest, response: HttpResponse): UnreadRequest | undefined {
    if (!hasBody(request)) return undefined
    const { uploads: budget, onRefused } = this.#options
    const { socket } = request
    const close = () => {
      onRefused('pending_bytes', socket.remoteAddress)
      breakOff(response)
    }
    const unread = new UnreadRequest({ budget, address: socket.remoteAddress, close })
    const release = () => unread.release()
    // HTTP/1.1 keeps them until the connection closes, which is soon.
    if ('stream' in response) response.once('close', release)
    else socket.once('close', release)
    unread.hold(FIRST_WINDOW)
    return unread
  }

  #countReset(stream: ServerHttp2Stream): void {
    const session = stream.session as ServerHttp2Session | undefined // of a server's stream
    const arrivedAt = this.#options.clock.now()
    stream.once('close', () => {
      if (stream.rstCode !== constants.NGHTTP2_CANCEL) return
      // By then Connect has answered every request that was broken off, so an answer shows nothing.
      this.#sessions.countReset({ session, arrivedAt, isAnswered: false })
    })
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
