import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { ByteBudget } from '../domain/limits/byte-budget.ts'
import { GrpcServer } from './grpc/grpc-server.ts'
import { healthRoutes } from './http/health-routes.ts'
import type { HttpRequest, HttpResponse } from './http/http-rules.ts'
import { answerText, programHeaders } from './http/route.ts'
import type { ServerOptions } from './server-options.ts'

/** Connections that may be open at once. When there are more, the address that has most of them loses its newest. */
const MAX_CONNECTIONS = 256
/** Calls at once on one connection. */
const MAX_STREAMS = 32
/** Largest message, and the bytes of all messages that have arrived or are to be sent in part. */
const MAX_MESSAGE = 4 * 1024
const MAX_BYTES = 1024 * 1024

export interface HealthServerOptions extends ServerOptions {
  /** Whether calls are taken; for `/readyz`. */
  readonly ready: () => boolean
}

/**
 * Answers probes in cleartext, where TLS keeps them away from the other servers: gRPC health checks, and `/healthz` and
 * `/readyz` over HTTP/1.1.
 */
export class HealthServer {
  readonly #grpc: GrpcServer

  /** `endpoints` are those of the health service; nothing else is served. */
  constructor(options: HealthServerOptions) {
    const http = createHttp(options)
    this.#grpc = new GrpcServer({
      ...options,
      tls: undefined,
      trustedProxies: [],
      maxConnections: MAX_CONNECTIONS,
      maxConnectionsPerAddress: MAX_CONNECTIONS,
      maxStreams: MAX_STREAMS,
      maxReceiveBytes: MAX_MESSAGE,
      uploads: new ByteBudget(MAX_BYTES),
      replies: new ByteBudget(MAX_BYTES),
      // A process that is busy is alive.
      isOverloaded: () => false,
      serveHttp1: (socket) => serve(http, socket, options),
    })
  }

  /** How many connections are open. */
  get openConnections(): number {
    return this.#grpc.openConnections
  }

  /** Returns the port. Rejects when the address cannot be bound. */
  listen(): Promise<number> {
    return this.#grpc.listen()
  }

  /** Stops listening and breaks off what is open. */
  close(): Promise<void> {
    return this.#grpc.drain(0)
  }
}

function createHttp({ ready, clock, ids, maxHeaderBytes }: HealthServerOptions): Server {
  const routes = new Map(healthRoutes(ready, clock).map((route) => [route.path, route]))
  const listener = (request: HttpRequest, response: HttpResponse) => {
    for (const [name, value] of Object.entries(programHeaders)) response.setHeader(name, value)
    response.setHeader('connection', 'close')
    const route = routes.get(request.url?.split('?', 1)[0] ?? '')
    if (route) route.serve({ request, response, requestId: ids(), caller: undefined })
    else answerText(response, 404, 'Not found.')
  }
  const server = createServer({ maxHeaderSize: maxHeaderBytes }, listener)
  // Without a listener Node asks for the body.
  server.on('checkContinue', listener)
  return server
}

/** One request. Node checks the timeouts of a server only while that listens itself. */
function serve(http: Server, socket: Socket, { clock, readTimeout }: HealthServerOptions): void {
  const stopTimer = clock.after(readTimeout, () => socket.destroy())
  socket.once('close', stopTimer)
  http.emit('connection', socket)
}
