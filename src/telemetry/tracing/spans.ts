import {
  type Attributes,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { Call } from '../../domain/call.ts'
import type { AttemptRecord } from '../../domain/call-record.ts'
import type { GatewayError } from '../../domain/error.ts'
import type { EmbedFinish } from '../../domain/events.ts'
import { operations } from '../../domain/operations.ts'
import { codes, originOf } from '../../domain/reasons.ts'
import { type ChatEvent, FinishReason } from '../../domain/types.ts'
import { attributes as names } from '../metrics/instruments.ts'

/** What a `finish` tells, of a chat or an embedding. */
export type Finish = Extract<ChatEvent['event'], { case: 'finish' }>['value'] | EmbedFinish

const service = 'llmgateway.v1.LlmGateway'

/** The span of a call. No content of it is ever in a span. */
export function startCallSpan(tracer: Tracer, call: Call, parent: SpanContext | undefined): Span {
  const method = operations[call.operation].rpc
  const { request, context } = call
  const attributes: Attributes = {
    [names.rpcSystem]: 'grpc',
    [names.rpcService]: service,
    [names.rpcMethod]: method,
    [names.operation]: operations[call.operation].genAiName,
    [names.requestId]: context.requestId,
  }
  if (request.userId) attributes[names.userId] = request.userId
  if (request.sessionId) attributes[names.conversationId] = request.sessionId
  for (const label of Object.keys(request.labels).slice(0, mostLabels)) {
    const value = request.labels[label]
    if (value !== undefined) attributes[names.label + label.slice(0, longestLabel)] = value
  }
  const options = { kind: SpanKind.SERVER, attributes }
  const around = parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT
  return tracer.startSpan(`${service}/${method}`, options, around)
}

/** `last` is the last attempt, and `server` where it went. */
export function endCallSpan(
  span: Span,
  last: AttemptRecord | undefined,
  server: Server | undefined,
  finish: Finish | undefined,
  error: GatewayError | undefined,
): void {
  if (last) {
    span.setAttributes({ [names.provider]: server?.genAiName ?? last.provider, [names.requestModel]: last.model })
  }
  if (finish) span.setAttributes(finishAttributes(finish))
  span.setAttribute(names.rpcStatusCode, error ? codes[error.code] : 0)
  if (error) {
    span.setAttribute(names.errorType, error.reason)
    if (originOf(error.reason) !== 'caller') span.setStatus({ code: SpanStatusCode.ERROR })
  }
  span.end()
}

/** The span of one attempt at `server`, inside that of its call. */
export function startAttemptSpan(
  tracer: Tracer,
  call: Call,
  attempt: AttemptRecord,
  server: Server | undefined,
  parent: Span,
): Span {
  const operation = operations[call.operation].genAiName
  const attributes: Attributes = {
    [names.operation]: operation,
    [names.provider]: server?.genAiName ?? attempt.provider,
    [names.requestModel]: attempt.model,
  }
  if (server) {
    attributes[names.serverAddress] = server.address
    attributes[names.serverPort] = server.port
  }
  const options = { kind: SpanKind.CLIENT, attributes }
  return tracer.startSpan(`${operation} ${attempt.model}`, options, trace.setSpan(ROOT_CONTEXT, parent))
}

/** `reason` is empty when the attempt succeeded. */
export function endAttemptSpan(span: Span, attempt: AttemptRecord, finish: Finish | undefined, reason: string): void {
  if (attempt.status !== undefined) span.setAttribute(names.httpStatusCode, attempt.status)
  if (finish) span.setAttributes(finishAttributes(finish))
  if (reason !== '') {
    span.setAttribute(names.errorType, reason)
    span.setStatus({ code: SpanStatusCode.ERROR })
  }
  span.end()
}

/** Where a provider is reached. */
export interface Server {
  readonly genAiName: string
  readonly address: string
  readonly port: number
}

export function finishReasonName(reason: FinishReason): string {
  return FinishReason[reason].toLowerCase()
}

const mostLabels = 32
const longestLabel = 64

function finishAttributes(finish: Finish): Attributes {
  const { route, usage } = finish
  const attributes: Attributes = {}
  if (route?.responseModel) attributes[names.responseModel] = route.responseModel
  if (route?.upstreamId) attributes[names.responseId] = route.upstreamId
  if ('finishReason' in finish) attributes[names.finishReasons] = [finishReasonName(finish.finishReason)]
  if (usage?.input !== undefined) attributes[names.inputTokens] = usage.input
  if (usage?.output !== undefined) attributes[names.outputTokens] = usage.output
  return attributes
}
