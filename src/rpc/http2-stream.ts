import type { ServerHttp2Stream } from 'node:http2'

/**
 * The HTTP/2 stream under a call of grpc-js, which has no public way to it. Only closing that stream ends a call whose
 * reader stands still: a status would wait for ever behind what it does not read. Undefined when it cannot be found.
 */
export function http2StreamOf(call: object): ServerHttp2Stream | undefined {
  // Private fields: a call holds the innermost call, or an interceptor's, which holds the next one.
  let inner: unknown = Reflect.get(call, 'call')
  while (typeof inner === 'object' && inner !== null) {
    const stream: unknown = Reflect.get(inner, 'stream')
    if (typeof stream === 'object' && stream !== null && 'rstCode' in stream) return stream as ServerHttp2Stream // only these have an rstCode
    inner = Reflect.get(inner, 'nextCall')
  }
  return undefined
}
