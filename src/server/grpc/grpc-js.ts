import type { Http2Server, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream, ServerOptions } from 'node:http2'
import type { Socket } from 'node:net'
import type { Server, ServerCredentials } from '@grpc/grpc-js'
import { passAddressOn } from '../connections/proxy-protocol.ts'

/*
 * All that the gateway uses of grpc-js beyond its public interface, which gives no access to the HTTP/2 server under it.
 * Whatever is not as it was when this was written is an error at the start, or in the first call.
 */

/** A stream as it arrives; `raw` has the names and values of its headers as they came, one after the other. */
export type StreamListener = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  raw: readonly string[],
) => void

/** The HTTP/2 server of a gRPC server, to which connections are handed. */
export interface Http2Access {
  inject(socket: Socket): void
  /** Puts `hook` before grpc-js. What it does not pass on, grpc-js never sees. */
  onStream(hook: (pass: StreamListener) => StreamListener): void
  onSession(listener: (session: ServerHttp2Session) => void): void
  /** Under TLS: a client that does not negotiate HTTP/2. */
  onUnknownProtocol(listener: (socket: Socket) => void): void
}

/** `options` are those of Node's HTTP/2 server; they outrank what grpc-js sets. */
export function accessHttp2(server: Server, credentials: ServerCredentials, options: ServerOptions): Http2Access {
  const common: unknown = Reflect.get(server, 'commonServerOptions')
  if (!isObject(common)) throw changed('the options of its HTTP/2 server')
  Object.assign(common, options, { settings: { ...Reflect.get(common, 'settings'), ...options.settings } })
  const injector = server.createConnectionInjector(credentials)
  const servers: unknown = Reflect.get(server, 'http2Servers')
  if (!(servers instanceof Map) || servers.size !== 1) throw changed('its list of HTTP/2 servers')
  const [http2Server]: Http2Server[] = [...servers.keys()]
  if (http2Server?.listenerCount('stream') !== 1) throw changed('its listener for streams')
  http2Server.prependListener('secureConnection', passAddressOn)
  return {
    inject: (socket) => injector.injectConnection(socket),
    onSession: (listener) => void http2Server.on('session', listener),
    onUnknownProtocol: (listener) => void http2Server.on('unknownProtocol', listener),
    onStream(hook) {
      const [inner] = http2Server.listeners('stream')
      http2Server.removeAllListeners('stream')
      http2Server.on('stream', hook(inner as StreamListener)) // it was added as one
    },
  }
}

/**
 * The HTTP/2 stream under a call. Only closing that stream ends a call whose reader stands still: a status would wait for
 * ever behind what it does not read. Throws when it cannot be found.
 */
export function http2StreamOf(call: object): ServerHttp2Stream {
  // A call holds the innermost call, or an interceptor's, which holds the next one.
  let inner: unknown = Reflect.get(call, 'call')
  while (isObject(inner)) {
    const stream: unknown = Reflect.get(inner, 'stream')
    if (isObject(stream) && 'rstCode' in stream) return stream as ServerHttp2Stream // only these have an rstCode
    inner = Reflect.get(inner, 'nextCall')
  }
  throw changed('the stream of a call')
}

function changed(what: string): Error {
  return new Error(`grpc-js is not as this gateway knows it: ${what} cannot be found. Install the version it pins.`)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
