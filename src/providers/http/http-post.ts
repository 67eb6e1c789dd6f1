import type { Clock } from '../../domain/clock.ts'
import type { HttpPost, PostReply } from '../../domain/ports/operations/http-post.ts'
import type { HttpClient, HttpHeaders } from './http-client.ts'
import { ProxyError } from './proxy.ts'

/** Bytes of a reply that are read. */
const MAX_REPLY = 2048

/** Small requests to servers that are no provider. `timeout`: limit for a whole request, in ms. */
export function createHttpPost(client: HttpClient, clock: Clock, timeout: number): HttpPost {
  return ({ url, headers, body }) =>
    new Promise((resolve) => {
      const { origin, pathname, search } = new URL(url)
      const chunks: Buffer[] = []
      let size = 0
      let head: { readonly status: number; readonly headers: HttpHeaders } | undefined
      const finish = (failure: string) => {
        stopTimer()
        resolve(head ? replyOf(head, Buffer.concat(chunks)) : { failure })
      }
      const request = client.send(
        { method: 'POST', origin, path: `${pathname}${search}`, headers: { ...headers }, body },
        {
          sent: () => {},
          start: (status, replyHeaders) => {
            head = { status, headers: replyHeaders }
          },
          data: (chunk) => {
            chunks.push(chunk)
            size += chunk.length
            if (size < MAX_REPLY) return
            request.abort()
            finish('')
          },
          end: () => finish('the connection was closed without a reply'),
          fail: (error) => finish(failureOf(error)),
        },
      )
      const stopTimer = clock.after(timeout, () => {
        request.abort()
        finish(`no reply within ${timeout / 1000} s`)
      })
    })
}

function replyOf({ status, headers }: { status: number; headers: HttpHeaders }, body: Buffer): PostReply {
  const { 'retry-after': retryAfter } = headers
  return {
    status,
    retryAfter: typeof retryAfter === 'string' ? retryAfter : undefined,
    text: body.toString('utf8', 0, MAX_REPLY),
  }
}

/** Node's messages contain addresses, its codes do not. */
function failureOf(error: Error): string {
  if (error instanceof ProxyError) return error.message
  const code = 'code' in error && typeof error.code === 'string' ? error.code : 'no connection'
  return `it cannot be reached (${code})`
}
