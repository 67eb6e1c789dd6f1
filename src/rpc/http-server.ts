import { createServer, type Server } from 'node:http'
import { constants, createSecureServer, type Http2SecureServer } from 'node:http2'
import type { DoorTls } from './door.ts'
import type { HttpRequest, HttpResponse } from './http-rules.ts'

export type HttpServer = Server | Http2SecureServer
export type HttpListener = (request: HttpRequest, response: HttpResponse) => void

/** Against clients that send slowly or without end. In ms and bytes. */
const TIMEOUTS = { headersTimeout: 10_000, requestTimeout: 60_000, keepAliveTimeout: 65_000 } as const
const CHECKING_INTERVAL = 1000
const MAX_HEADER_BYTES = 16_384
const MAX_HEADERS = 100
const MAX_CONCURRENT_STREAMS = 1000

/** HTTP/1.1 in cleartext; under TLS HTTP/2, and HTTP/1.1 for those who speak no better. */
export function createHttpServer(tls: DoorTls | undefined, listener: HttpListener): HttpServer {
  const options = { connectionsCheckingInterval: CHECKING_INTERVAL, maxHeaderSize: MAX_HEADER_BYTES }
  if (!tls) {
    const server = createServer({ ...options, ...TIMEOUTS }, listener)
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
      settings: { maxConcurrentStreams: MAX_CONCURRENT_STREAMS, maxHeaderListSize: MAX_HEADER_BYTES },
    },
    listener,
  )
  // Not in the types: a server that allows HTTP/1.1 reads them as an HTTP/1.1 server does.
  return Object.assign(server, TIMEOUTS)
}

/** Breaks a response off, so that its reader cannot take it for a whole one. */
export function breakOff(response: HttpResponse): void {
  if ('stream' in response) response.stream?.close(constants.NGHTTP2_CANCEL)
  else response.destroy()
}

/** Of `host:port`, where an IPv6 host stands in brackets. */
export function partsOf(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(address.slice(colon + 1)) }
}
