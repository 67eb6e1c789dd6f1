import { createServer, type OutgoingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { codes } from '../domain/errors/reasons.ts'

/*
 * Answers to clients that reached the port of the other protocol: a sentence with the port to use, in a form that such
 * a client shows.
 */

/** `http`: configured address of the HTTP server. */
export function useHttpPort(http: string | undefined): string {
  return `This is the gRPC port of the gateway. Send HTTP, Connect and gRPC-Web requests to ${portOf(http, 'HTTP')}.`
}

/** `grpc`: configured address of the gRPC server. */
export function useGrpcPort(grpc: string | undefined): string {
  return `This is the HTTP port of the gateway. Send gRPC calls to ${portOf(grpc, 'gRPC')}.`
}

/** Port 0 was chosen by the system, and is not in the configuration. */
function portOf(address: string | undefined, protocol: string): string {
  const port = address?.slice(address.lastIndexOf(':') + 1)
  return port && port !== '0' ? `port ${port}` : `its ${protocol} port`
}

/** Whether a content type is that of gRPC itself, not of gRPC-Web. */
export function isGrpc(contentType: string | undefined): boolean {
  return contentType !== undefined && /^application\/grpc(?:$|[+;])/i.test(contentType)
}

/** An error as Connect writes it, which is readable for others as well. */
export function wrongPortBody(sentence: string): string {
  return `${JSON.stringify({ code: 'unimplemented', message: sentence })}\n`
}

/** A response of HTTP/1.1 for a connection whose requests are not read. */
export function wrongPortResponse(sentence: string): string {
  const body = wrongPortBody(sentence)
  const head = [
    'HTTP/1.1 415 Unsupported Media Type',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}

/** The status of a gRPC call, as the only headers of its response. */
export function wrongPortTrailers(sentence: string): OutgoingHttpHeaders {
  return {
    ':status': 200,
    'content-type': 'application/grpc',
    'grpc-status': String(codes.UNIMPLEMENTED),
    'grpc-message': encodeURI(sentence),
  }
}

/** Answers an HTTP/2 stream that is no gRPC call. */
export function refuseStream(stream: ServerHttp2Stream, sentence: string): void {
  stream.on('error', () => {})
  if (stream.destroyed || stream.closed) return
  stream.respond({ ':status': 415, 'content-type': 'application/json' })
  stream.end(wrongPortBody(sentence))
}

/** Answers HTTP/1.1 at a port that does not speak it, and closes the connection. */
export function refuseHttp1(socket: Socket, sentence: string): void {
  socket.on('error', () => {})
  socket.resume()
  socket.end(wrongPortResponse(sentence))
}

/** Answers the first call of each HTTP/2 connection that it is given. `timeout` in ms for the whole connection. */
export function http2Refuser(sentence: string, timeout: number): (socket: Socket) => void {
  const server = createServer({ settings: { maxConcurrentStreams: 1 } })
  server.on('session', (session: ServerHttp2Session) => {
    session.setTimeout(timeout, () => session.destroy())
    session.on('error', () => {})
  })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    if (stream.destroyed || stream.closed) return
    if (isGrpc(headers['content-type'])) {
      stream.respond(wrongPortTrailers(sentence), { endStream: true })
    } else refuseStream(stream, sentence)
    stream.session?.close()
  })
  return (socket) => void server.emit('connection', socket)
}
