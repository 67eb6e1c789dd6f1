import type {
  DescMessage,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf'
import {
  BadRequestSchema,
  type ChatEvent,
  type ChatRequestSchema,
  type ChatResponse,
  type EmbedRequestSchema,
  type EmbedResponse,
  type ErrorDetail,
  ErrorDetailSchema,
  ErrorInfoSchema,
  LlmGateway,
  QuotaFailureSchema,
  RetryInfoSchema,
  Role,
} from '../../src/domain/types.ts'

export interface CallOptions {
  /** The most time for the call, in ms. Default: 100 s, so that a call that hangs fails its test. */
  readonly deadline?: number
  /** Request headers. */
  readonly metadata?: Readonly<Record<string, string>>
  /** Cancels the call. */
  readonly signal?: AbortSignal
  /** Told of each message of a stream as it arrives. */
  readonly onMessage?: (message: unknown) => void
  /** Told of the trailers of a call that has ended, by their names. */
  readonly onTrailers?: (get: (name: string) => string | undefined) => void
}

export const DEFAULT_DEADLINE = 100_000

/** An error as a program sees it that calls the gateway. */
export interface CallError {
  /** By its gRPC name. */
  readonly code: string
  readonly message: string
  /** As in ErrorInfo. */
  readonly reason: string | undefined
  readonly domain: string | undefined
  readonly metadata: Readonly<Record<string, string>>
  /** As in RetryInfo, in ms. */
  readonly retryAfter: number | undefined
  /** As in `grpc-retry-pushback-ms`. */
  readonly pushback: string | undefined
  /** The fields that BadRequest names. */
  readonly fields: readonly string[]
  /** The limits that QuotaFailure names, as `subject: description`. */
  readonly quota: readonly string[]
  readonly detail: ErrorDetail | undefined
  /** The size of `grpc-status-details-bin`, at the gRPC door. */
  readonly statusBytes?: number
}

/** Either an answer or an error. */
export interface Outcome<T> {
  readonly value: T | undefined
  readonly error: CallError | undefined
}

/** What a stream brought, and its error if it did not end well. */
export interface StreamOutcome<T> {
  readonly messages: readonly T[]
  readonly error: CallError | undefined
}

/** One of the gateway's doors, with nothing of the gateway behind it but the contract. */
export interface ServerName {
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options?: CallOptions,
  ): Promise<Outcome<MessageShape<O>>>
  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    options?: CallOptions,
  ): Promise<StreamOutcome<MessageShape<O>>>
  close(): void
}

export type ChatInit = MessageInitShape<typeof ChatRequestSchema>
export type EmbedInit = MessageInitShape<typeof EmbedRequestSchema>

/** A user's "hi", unless the request brings messages of its own. */
function withMessages<R extends ChatInit>(request: R): R {
  return { messages: [{ role: Role.USER, content: 'hi' }], ...request }
}

export function chat(server: ServerName, request: ChatInit, options?: CallOptions): Promise<Outcome<ChatResponse>> {
  return server.unary(LlmGateway.method.chat, withMessages(request), options)
}

export interface StreamedChat extends StreamOutcome<ChatEvent> {
  /** All text, joined. */
  readonly text: string
  /** What kinds of events came, in order. */
  readonly cases: readonly (string | undefined)[]
}

export async function streamChat(server: ServerName, request: ChatInit, options?: CallOptions): Promise<StreamedChat> {
  const outcome = await server.stream(LlmGateway.method.streamChat, withMessages(request), options)
  const text = outcome.messages.map(({ event }) => (event.case === 'text' ? event.value.text : '')).join('')
  return { ...outcome, text, cases: outcome.messages.map(({ event }) => event.case) }
}

export function embed(server: ServerName, request: EmbedInit, options?: CallOptions): Promise<Outcome<EmbedResponse>> {
  return server.unary(LlmGateway.method.embed, { inputs: ['hi'], ...request }, options)
}

/** Reads an error, however its details are packed. */
export function callError(
  code: string,
  message: string,
  pushback: string | undefined,
  find: <D extends DescMessage>(schema: D) => MessageShape<D> | undefined,
): CallError {
  const info = find(ErrorInfoSchema)
  const delay = find(RetryInfoSchema)?.retryDelay
  return {
    code,
    message,
    reason: info?.reason,
    domain: info?.domain,
    metadata: info?.metadata ?? {},
    retryAfter: delay && Number(delay.seconds) * 1000 + delay.nanos / 1e6,
    pushback,
    fields: find(BadRequestSchema)?.fieldViolations.map(({ field }) => field) ?? [],
    quota: find(QuotaFailureSchema)?.violations.map(({ subject, description }) => `${subject}: ${description}`) ?? [],
    detail: find(ErrorDetailSchema),
  }
}
