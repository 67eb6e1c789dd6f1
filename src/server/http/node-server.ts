import { createServer, type Server } from 'node:http'
import { constants, createSecureServer, type Http2SecureServer } from 'node:http2'
import type { Socket } from 'node:net'
import type { Clock } from '../../domain/clock.ts'
import type { ConnectionGate } from '../connections/connection-gate.ts'
import { listenForProtocol } from '../connections/first-bytes.ts'
import { passAddressOn } from '../connections/proxy-protocol.ts'
import type { ServerOptions } from '../server-options.ts'
import { http2Refuser, useGrpcPort } from '../wrong-port.ts'
import type { HttpRequest, HttpResponse } from './http-rules.ts'

export type NodeHttpServer = Server | Http2SecureServer
export type HttpListener = (request: HttpRequest, response: HttpResponse) => void

/** In ms. */
const KEEP_ALIVE_TIMEOUT = 65_000
const CHECKING_INTERVAL = 1000
const MAX_HEADERS = 100

/** HTTP/1.1 in cleartext; under TLS HTTP/2, and HTTP/1.1 for those who speak no better. */
export function createNodeServer(settings: ServerOptions, listener: HttpListener): NodeHttpServer {
  const { tls, readTimeout, maxHeaderBytes, maxStreams } = settings
  // Against clients that send slowly or without end.
  const timeouts = { headersTimeout: readTimeout, requestTimeout: readTimeout, keepAliveTimeout: KEEP_ALIVE_TIMEOUT }
  const interval = Math.min(CHECKING_INTERVAL, readTimeout)
  const options = { connectionsCheckingInterval: interval, maxHeaderSize: maxHeaderBytes }
  if (!tls) {
    const server = createServer({ ...options, ...timeouts }, listener)
    server.maxHeadersCount = MAX_HEADERS
    return server
  }
  const { cert, key, clientCa } = tls
  const server = createSecureServer(
    {
      ...options,
      cert,
      key,
      ...(clientCa && { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
      allowHTTP1: true,
      maxHeaderListPairs: MAX_HEADERS,
      handshakeTimeout: readTimeout,
      settings: { maxConcurrentStreams: maxStreams, maxHeaderListSize: maxHeaderBytes },
    },
    listener,
  )
  server.prependListener('secureConnection', passAddressOn)
  // Not in the types: a server that allows HTTP/1.1 reads them as an HTTP/1.1 server does.
  return Object.assign(server, timeouts)
}

/** Passes to the server only connections that the gate admits, each through `enter`. */
export function putGateBefore(
  server: NodeHttpServer,
  gate: ConnectionGate,
  enter: (socket: Socket, pass: (socket: Socket) => void) => void,
): void {
  const listeners = server.listeners('connection')
  server.removeAllListeners('connection')
  const pass = (socket: Socket) => {
    for (const listener of listeners) listener.call(server, socket)
  }
  server.on('connection', (socket: Socket) => gate.admit(socket, () => enter(socket, pass)))
}

/** Answers gRPC and other clients of HTTP/2 in cleartext, which such a server does not speak, with the port to use. */
export function refuseHttp2(settings: ServerOptions): (socket: Socket, pass: (socket: Socket) => void) => void {
  const { clock, readTimeout, otherAddress, onRefused } = settings
  const refuse = http2Refuser(useGrpcPort(otherAddress), readTimeout)
  return (socket, pass) =>
    listenForProtocol(socket, {
      clock,
      timeout: readTimeout,
      spoken(_, spoken) {
        if (spoken !== 'http2') pass(socket)
        else {
          onRefused('wrong_port')
          refuse(socket)
        }
      },
      // Node answers it with 408 and closes it.
      silent: pass,
    })
}

/** Time that a client has to read the last response of a connection, in ms. */
const LINGER = 100

/** Makes a response the last of its connection, or of its HTTP/2 stream, and reads no more of its request. */
export function leaveBodyUnread(request: HttpRequest, response: HttpResponse, clock: Clock): void {
  if ('stream' in response) {
    response.once('finish', () => response.stream?.close(constants.NGHTTP2_NO_ERROR))
    return
  }
  const { socket } = request
  response.setHeader('connection', 'close')
  // Node would destroy the socket at once, and the reset that follows unread data can overtake the response.
  socket.destroySoon = () => {
    request.pause()
    socket.end()
    clock.after(LINGER, () => socket.destroy())
  }
}

/** Breaks a response off, so that its reader cannot take it for a whole one. */
export function breakOff(response: HttpResponse): void {
  if ('stream' in response) response.stream?.close(constants.NGHTTP2_CANCEL)
  else response.destroy()
}
