import type { Caller } from '../../domain/calls/call.ts'
import type { AnswerableRefusal } from '../refusals.ts'
import type { HttpRequest, HttpResponse } from './http-rules.ts'

/** One path of the HTTP server. The table of them is in http-server.ts. */
export interface Route {
  /** Compared with the whole path of a request, without its query. */
  readonly path: string
  /** Security headers of every response. */
  readonly headers: Readonly<Record<string, string>>
  /** Whether it needs no credential. */
  readonly isOpen: boolean
  /** Whether it is answered under every host name and to every origin. */
  readonly isForProbes?: boolean
  /** Answers a request that is no preflight. Must not throw. */
  serve(exchange: Exchange): void
  /** Answers a request whose body is not read. Must not throw. */
  refuse(exchange: Exchange, refusal: AnswerableRefusal): void
}

/** A request and its response. */
export interface Exchange {
  readonly request: HttpRequest
  readonly response: HttpResponse
  readonly requestId: string
  /** Undefined where no credential is needed and none was sent. */
  readonly caller: Caller | undefined
}

/** Security headers of what only programs read, and never a browser as a page. */
export const programHeaders = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'x-frame-options': 'DENY',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
}

/** Answers with one line of text. */
export function answerText(response: HttpResponse, status: number, text = ''): void {
  if (text) response.setHeader('content-type', 'text/plain; charset=utf-8')
  response.statusCode = status
  response.end(text && `${text}\n`)
}
