import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { cors } from '@connectrpc/connect'

export type HttpRequest = IncomingMessage | Http2ServerRequest
export type HttpResponse = ServerResponse | Http2ServerResponse

const HOST = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/

/** Whether a request has a body, or may have one. */
export function hasBody({ headers, httpVersionMajor }: HttpRequest): boolean {
  if (httpVersionMajor > 1) return headers['content-length'] !== '0'
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/** The host that a request names, with its port; empty when it names none. */
export function hostOf(request: HttpRequest): string {
  const { host = '' } = request.headers
  return 'authority' in request ? request.authority || host : host
}

/**
 * Whether a request says a host that a URL can be made of. Connect makes one without asking, and what it throws would
 * end the process.
 */
export function hasValidHost(request: HttpRequest): boolean {
  const host = hostOf(request)
  return HOST.test(host) && URL.canParse(`http://${host}`)
}

const ALLOWED_METHODS = cors.allowedMethods.join(', ')
const ALLOWED_HEADERS = [
  ...cors.allowedHeaders,
  'Authorization',
  'X-Api-Key',
  'Traceparent',
  'Tracestate',
  'Idempotency-Key',
].join(', ')
const TRAILERS = [
  'RateLimit-Limit',
  'RateLimit-Remaining',
  'RateLimit-Reset',
  'Idempotent-Replayed',
  'Idempotency-Kept',
]
const EXPOSED_HEADERS = [
  ...cors.exposedHeaders,
  'Grpc-Retry-Pushback-Ms',
  'Retry-After',
  'X-Request-Id',
  ...TRAILERS,
  // Connect sends the trailers of a unary call as headers of this name.
  ...TRAILERS.map((name) => `Trailer-${name}`),
].join(', ')
/** How long a browser may keep the answer to a preflight, in s. Chrome keeps none longer. */
const PREFLIGHT_AGE = 7200

/**
 * Lets scripts of the configured origins in; `*` means any. Without credentials in the browser's sense: an API key
 * travels in a header that the script sets.
 */
export function setCorsHeaders(request: HttpRequest, response: HttpResponse, origins: readonly string[]): void {
  if (origins.length === 0) return
  response.setHeader('vary', 'Origin')
  const { origin } = request.headers
  if (origin === undefined || !(origins.includes('*') || origins.includes(origin))) return
  response.setHeader('access-control-allow-origin', origin)
  if (!isPreflight(request)) {
    response.setHeader('access-control-expose-headers', EXPOSED_HEADERS)
    return
  }
  response.setHeader('access-control-allow-methods', ALLOWED_METHODS)
  response.setHeader('access-control-allow-headers', ALLOWED_HEADERS)
  response.setHeader('access-control-max-age', String(PREFLIGHT_AGE))
}

export function isPreflight(request: HttpRequest): boolean {
  return request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined
}
