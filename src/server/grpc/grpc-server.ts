import type { ServerOptions as Http2Options } from 'node:http2'
import { createServer, type Server as Listener, type Socket } from 'node:net'
import * as grpc from '@grpc/grpc-js'
import { afterTurns } from '../calls/after-turns.ts'
import { LiveCalls, TIME_TO_END, TIME_TO_LEAVE } from '../calls/live-calls.ts'
import { NextTurn } from '../calls/next-turn.ts'
import { ConnectionGate } from '../connections/connection-gate.ts'
import { listenForProtocol } from '../connections/first-bytes.ts'
import { listenOn } from '../connections/listen.ts'
import { SessionGuard } from '../connections/session-guard.ts'
import type { Endpoint } from '../endpoints.ts'
import type { ServerOptions, ServerTls } from '../server-options.ts'
import { refuseHttp1, useHttpPort } from '../wrong-port.ts'
import { keepWhileClosing } from './closing-pings.ts'
import { accessHttp2, type Http2Access } from './grpc-js.ts'
import { streamHandler } from './grpc-stream.ts'
import { unaryHandler } from './grpc-unary.ts'
import { addReflection } from './reflection/reflection.ts'
import { StreamGuard } from './stream-guard.ts'

const MAX_HEADERS = 64
/** Frames and streams that break the protocol, before their connection is closed. */
const MAX_FAULTS = 32

export interface GrpcServerOptions extends ServerOptions {
  /** Takes connections in cleartext that speak HTTP/1.1. Default: they are answered with the port of the HTTP server. */
  readonly serveHttp1?: (socket: Socket) => void
}

/** The server for services: gRPC over HTTP/2. */
export class GrpcServer {
  readonly #settings: GrpcServerOptions
  readonly #server: grpc.Server
  readonly #gate: ConnectionGate
  readonly #guard: StreamGuard
  readonly #sessions: SessionGuard
  readonly #listener: Listener
  readonly #live = new LiveCalls()
  readonly #turn = new NextTurn()

  /** Throws when grpc-js is not as the gateway knows it. */
  constructor(settings: GrpcServerOptions) {
    // It prints metadata that it rejects, bearer tokens included.
    grpc.setLogVerbosity(grpc.logVerbosity.NONE)
    this.#settings = settings
    this.#server = new grpc.Server(serverOptions(settings))
    const http2 = accessHttp2(this.#server, credentials(settings.tls), http2Options(settings))
    this.#gate = new ConnectionGate(settings)
    this.#sessions = new SessionGuard(settings)
    this.#guard = new StreamGuard(settings, this.#sessions)
    http2.onStream(this.#guard.hook)
    http2.onSession((session) => {
      this.#sessions.watch(session)
      keepWhileClosing(session)
    })
    http2.onUnknownProtocol((socket) => this.#refuseHttp1(socket))
    const enter = settings.tls ? http2.inject : (socket: Socket) => this.#listenTo(socket, http2)
    this.#listener = createServer({ noDelay: true }, (socket) => this.#gate.admit(socket, enter))
    const methods = new Map<string, Endpoint[]>()
    for (const endpoint of settings.endpoints) {
      const service = endpoint.method.parent.typeName
      methods.set(service, [...(methods.get(service) ?? []), endpoint])
    }
    for (const [, endpoints] of methods) this.#mount(endpoints)
    addReflection(this.#server, settings.endpoints)
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
    return listenOn(this.#listener, this.#settings.address)
  }

  /**
   * Stops listening, sends every client to another connection, and finishes open calls. What is left after `grace` ms
   * ends with UNAVAILABLE. Calls that arrive on old connections are dropped unprocessed, and clients send them again.
   */
  async drain(grace: number): Promise<void> {
    const { clock } = this.#settings
    this.#listener.close()
    this.#guard.draining = true
    this.#sessions.draining = true
    let stopTimer = clock.after(grace, () => {
      this.#live.drainAll()
      stopTimer = afterTurns(clock, TIME_TO_END + TIME_TO_LEAVE, () => this.#gate.destroyAll())
    })
    // With Node 24 it is done while sessions are still open.
    this.#server.tryShutdown(() => {})
    this.#live.drainEndless()
    await this.#sessions.ended()
    await this.#live.ended()
    stopTimer()
    // Those that have not begun to speak.
    this.#gate.destroyAll()
  }

  /** A client of HTTP/1.1 would otherwise see a closed connection only. */
  #listenTo(socket: Socket, http2: Http2Access): void {
    const {
      clock,
      readTimeout,
      onRefused,
      serveHttp1 = (refused: Socket) => this.#refuseHttp1(refused),
    } = this.#settings
    listenForProtocol(socket, {
      clock,
      timeout: readTimeout,
      spoken: (_, spoken) => (spoken === 'http1' ? serveHttp1(socket) : http2.inject(socket)),
      silent: () => {
        onRefused('handshake')
        socket.destroy()
      },
    })
  }

  #refuseHttp1(socket: Socket): void {
    this.#settings.onRefused('wrong_port')
    refuseHttp1(socket, useHttpPort(this.#settings.otherAddress))
  }

  #mount(endpoints: readonly Endpoint[]): void {
    const definition: Record<string, grpc.MethodDefinition<Buffer, Buffer>> = {}
    const implementation: grpc.UntypedServiceImplementation = {}
    for (const endpoint of endpoints) {
      const name = endpoint.method.name
      definition[name] = definitionOf(endpoint)
      implementation[name] = this.#handlerOf(endpoint)
    }
    this.#server.addService(definition, implementation)
  }

  #handlerOf(endpoint: Endpoint): grpc.UntypedHandleCall {
    const common = { settings: this.#settings, live: this.#live, turn: this.#turn }
    return endpoint.kind === 'unary' ? unaryHandler({ endpoint, ...common }) : streamHandler({ endpoint, ...common })
  }
}

/** Messages pass grpc-js as bytes, so that what goes wrong with them is ours to answer. */
function definitionOf({ path, kind }: Endpoint): grpc.MethodDefinition<Buffer, Buffer> {
  const asItIs = (bytes: Buffer) => bytes
  return {
    path,
    requestStream: false,
    responseStream: kind === 'server_streaming',
    requestSerialize: asItIs,
    requestDeserialize: asItIs,
    responseSerialize: asItIs,
    responseDeserialize: asItIs,
  }
}

/**
 * Without keepalive a client that vanished is never noticed, and a connection that broke the protocol is never closed.
 * Its pings wait behind the data that a slow reader has yet to take. Clients that stay connected for ever never see new
 * replicas.
 */
function serverOptions(settings: ServerOptions): grpc.ServerOptions {
  const { maxDuration, maxBatchDuration, maxReceiveBytes, maxStreams, keepalive, maxConnectionAge } = settings
  return {
    'grpc.max_concurrent_streams': maxStreams,
    'grpc.keepalive_time_ms': keepalive,
    'grpc.keepalive_timeout_ms': keepalive,
    'grpc.max_connection_age_ms': maxConnectionAge,
    'grpc.max_connection_age_grace_ms': Math.max(maxDuration, maxBatchDuration) + 60_000,
    'grpc.max_receive_message_length': maxReceiveBytes,
    'grpc.max_send_message_length': -1, // checked before, to say what to do about it
    'grpc.enable_channelz': 0,
  }
}

function http2Options({ maxHeaderBytes, readTimeout }: ServerOptions): Http2Options & { handshakeTimeout: number } {
  return {
    settings: { maxHeaderListSize: maxHeaderBytes },
    maxHeaderListPairs: MAX_HEADERS,
    maxSessionInvalidFrames: MAX_FAULTS,
    maxSessionRejectedStreams: MAX_FAULTS,
    handshakeTimeout: readTimeout, // of TLS
  }
}

function credentials(tls: ServerTls | undefined): grpc.ServerCredentials {
  if (!tls) return grpc.ServerCredentials.createInsecure()
  const { cert, key, clientCa } = tls
  const pair = { cert_chain: cert, private_key: key }
  return grpc.ServerCredentials.createSsl(clientCa ?? null, [pair], clientCa !== undefined)
}
