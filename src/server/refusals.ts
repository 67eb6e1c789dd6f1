import type { OutgoingHttpHeaders } from 'node:http2'
import { CallRecord } from '../domain/calls/call-record.ts'
import type { Clock } from '../domain/clock.ts'
import { GatewayError, unauthenticated } from '../domain/errors/error.ts'
import { type ErrorReply, errorReply, toHeaders } from './errors.ts'

/** What a server refuses before any work is done. Values of a metric label. */
export const refusals = [
  'credential',
  'overloaded',
  'draining',
  'header_bytes',
  'malformed_timeout',
  'no_time',
  'read_timeout',
  'compressed_calls',
  'messages',
  'small_frames',
  'pending_bytes',
  'reply_bytes',
  'resets',
  'conversations',
  'handshake',
  'stalled',
  'proxy_line',
  'connections',
  'connections_per_address',
  'wrong_port',
] as const
export type Refusal = (typeof refusals)[number]

/** How long a client should stay away from a gateway that is overloaded, in ms. */
const BREATHER = 1000

/** Those that can be answered. */
export const refusalErrors = {
  credential: unauthenticated(),
  overloaded: new GatewayError('OVERLOADED', 'This gateway is overloaded: try again a little later.', {
    retryAfter: BREATHER,
  }),
  draining: new GatewayError('DRAINING', 'This gateway is shutting down: try again, on another connection.'),
  header_bytes: new GatewayError('HEADERS_TOO_LARGE', 'The headers are too large: send less metadata.'),
  malformed_timeout: new GatewayError('INVALID_REQUEST', 'grpc-timeout must be 1 to 8 digits and one of H M S m u n.'),
  no_time: new GatewayError('DEADLINE_EXCEEDED', 'The deadline had passed when the call arrived.'),
  read_timeout: new GatewayError('REQUEST_READ_TIMEOUT', 'The request took too long to arrive.'),
  compressed_calls: new GatewayError(
    'TOO_MANY_COMPRESSED',
    'Too many compressed requests at once: send fewer, or send them as they are.',
    { retryAfter: BREATHER },
  ),
  pending_bytes: new GatewayError(
    'TOO_MANY_PENDING_BYTES',
    'Requests that have not arrived completely take too much memory, and yours take most: send fewer or smaller ones at once.',
    { retryAfter: BREATHER },
  ),
  messages: new GatewayError('TOO_MANY_MESSAGES', 'The call takes one message.'),
} as const satisfies Partial<Record<Refusal, GatewayError>>
export type AnswerableRefusal = keyof typeof refusalErrors

export function refusalReply(refusal: AnswerableRefusal, clock: Clock): ErrorReply {
  return errorReply(refusalErrors[refusal], new CallRecord(clock))
}

/** Responses of the gRPC server to refused calls, made once: one frame of trailers only. */
export function refusalHeaders(clock: Clock): Readonly<Record<AnswerableRefusal, OutgoingHttpHeaders>> {
  const of = (refusal: AnswerableRefusal) => errorHeaders(refusalErrors[refusal], clock)
  return {
    credential: of('credential'),
    overloaded: of('overloaded'),
    draining: of('draining'),
    header_bytes: of('header_bytes'),
    malformed_timeout: of('malformed_timeout'),
    no_time: of('no_time'),
    read_timeout: of('read_timeout'),
    compressed_calls: of('compressed_calls'),
    pending_bytes: of('pending_bytes'),
    messages: of('messages'),
  }
}

/** The response of the gRPC server to a call that begins no work: one frame of trailers only. */
export function errorHeaders(error: GatewayError, clock: Clock): OutgoingHttpHeaders {
  const reply = errorReply(error, new CallRecord(clock))
  return { ':status': 200, 'content-type': 'application/grpc+proto', ...toHeaders(reply) }
}
