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
import type { Call } from '../../domain/calls/call.ts'
import type { AttemptRecord } from '../../domain/calls/call-record.ts'
import type { Finish } from '../../domain/calls/call-summary.ts'
import { operations } from '../../domain/calls/operations.ts'
import type { GatewayError } from '../../domain/errors/error.ts'
import { codes, originOf } from '../../domain/errors/reasons.ts'
import { attributes as names } from '../metrics/instruments.ts'
import { finishReasonName } from '../names.ts'

const SERVICE = 'llmgateway.v1.LlmGateway'

/** Starts the span of a call. Spans never carry content. */
export function startCallSpan(tracer: Tracer, call: Call, parent: SpanContext | undefined): Span {
  const method = operations[call.operation].rpc
  const { request, context } = call
  const attributes: Attributes = {
    [names.rpcSystem]: 'grpc',
    [names.rpcService]: SERVICE,
    [names.rpcMethod]: method,
    [names.operation]: operations[call.operation].genAiName,
    [names.requestId]: context.requestId,
  }
  if (request.userId) attributes[names.userId] = request.userId
  if (request.sessionId) attributes[names.conversationId] = request.sessionId
  for (const label of Object.keys(request.labels).slice(0, MAX_LABELS)) {
    const value = request.labels[label]
    if (value !== undefined) attributes[names.label + label.slice(0, MAX_LABEL_LENGTH)] = value
  }
  const options = { kind: SpanKind.SERVER, attributes }
  const around = parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT
  return tracer.startSpan(`${SERVICE}/${method}`, options, around)
}

/** `last` is the last attempt, `server` the address it went to. */
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

/** Starts the span of an attempt at `server`, as a child of the call's span. */
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

/** Address of a provider. */
export interface Server {
  readonly genAiName: string
  readonly address: string
  readonly port: number
}

const MAX_LABELS = 32
const MAX_LABEL_LENGTH = 64

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
