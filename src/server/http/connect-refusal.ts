import { encodeEnvelope } from '@connectrpc/connect/protocol'
import {
  codeToHttpStatus,
  endStreamFlag,
  endStreamToJson,
  errorToJsonBytes,
} from '@connectrpc/connect/protocol-connect'
import type { Clock } from '../../domain/clock.ts'
import { toConnectError, toHeaders } from '../errors.ts'
import { type AnswerableRefusal, refusalReply } from '../refusals.ts'
import type { HttpRequest, HttpResponse } from './http-rules.ts'

/** Answers in the protocol of the request, gRPC-Web or Connect, before its body is read. */
export function refuseConnect(request: HttpRequest, response: HttpResponse, refusal: AnswerableRefusal, clock: Clock) {
  const reply = refusalReply(refusal, clock)
  const type = request.headers['content-type'] ?? ''
  if (type.startsWith('application/grpc-web')) {
    response.writeHead(200, { 'content-type': type, ...toHeaders(reply) })
    response.end()
    return
  }
  const error = toConnectError(reply)
  if (type.startsWith('application/connect+')) {
    const ending = new TextEncoder().encode(JSON.stringify(endStreamToJson(error.metadata, error, undefined)))
    response.writeHead(200, { 'content-type': type })
    response.end(encodeEnvelope(endStreamFlag, ending))
    return
  }
  if (refusal === 'credential') response.setHeader('www-authenticate', 'Bearer')
  if (reply.pushback !== undefined) response.setHeader('retry-after', String(Math.ceil(reply.pushback / 1000)))
  response.writeHead(codeToHttpStatus(error.code), { 'content-type': 'application/json' })
  response.end(errorToJsonBytes(error, undefined))
}
