import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf'
import { anyUnpack } from '@bufbuild/protobuf/wkt'
import * as grpc from '@grpc/grpc-js'
import {
  type ChatEvent,
  ChatEventSchema,
  type ChatRequest,
  ChatRequestSchema,
  type ChatResponse,
  ChatResponseSchema,
  type CompleteEvent,
  CompleteEventSchema,
  type CompleteRequest,
  CompleteRequestSchema,
  type CompleteResponse,
  CompleteResponseSchema,
  type EmbedRequest,
  EmbedRequestSchema,
  type EmbedResponse,
  EmbedResponseSchema,
  type EnsureModelProgress,
  EnsureModelProgressSchema,
  EnsureModelRequestSchema,
  type ErrorDetail,
  ErrorDetailSchema,
  ErrorInfoSchema,
  ListModelsRequestSchema,
  type ListModelsResponse,
  ListModelsResponseSchema,
  RetryInfoSchema,
  RpcStatusSchema,
} from '../../src/domain/types.ts'

/** An error as a client of the gateway sees it. */
export interface RpcError {
  /** By its gRPC name. */
  readonly code: string
  readonly message: string
  readonly reason: string | undefined
  /** What RetryInfo asks to wait, in ms. */
  readonly retryAfter: number | undefined
  readonly detail: ErrorDetail | undefined
}

export type Result<T> = { readonly value: T } | { readonly error: RpcError }

/** What a stream brought before its ending, and the ending. */
export interface StreamResult<E = ChatEvent> {
  readonly events: readonly E[]
  readonly error: RpcError | undefined
}

const DEADLINE_MS = 30_000
const SERVICE = '/llmgateway.v1.LlmGateway'

/** A client of the gateway's gRPC door, with nothing of the gateway in it but the contract. */
export class ConformanceClient {
  readonly #client: grpc.Client

  constructor(address: string) {
    this.#client = new grpc.Client(address, grpc.credentials.createInsecure())
  }

  chat(request: ChatRequest): Promise<Result<ChatResponse>> {
    return this.#unary('Chat', ChatRequestSchema, request, ChatResponseSchema)
  }

  complete(request: CompleteRequest): Promise<Result<CompleteResponse>> {
    return this.#unary('Complete', CompleteRequestSchema, request, CompleteResponseSchema)
  }

  streamComplete(request: CompleteRequest): Promise<StreamResult<CompleteEvent>> {
    return this.#stream('StreamComplete', CompleteRequestSchema, request, CompleteEventSchema)
  }

  ensureModel(provider: string, model: string): Promise<StreamResult<EnsureModelProgress>> {
    const request = create(EnsureModelRequestSchema, { provider, model })
    return this.#stream('EnsureModel', EnsureModelRequestSchema, request, EnsureModelProgressSchema, `${SERVICE}Admin`)
  }

  embed(request: EmbedRequest): Promise<Result<EmbedResponse>> {
    return this.#unary('Embed', EmbedRequestSchema, request, EmbedResponseSchema)
  }

  listModels(provider: string): Promise<Result<ListModelsResponse>> {
    const request = create(ListModelsRequestSchema, { provider })
    return this.#unary('ListModels', ListModelsRequestSchema, request, ListModelsResponseSchema)
  }

  streamChat(request: ChatRequest): Promise<StreamResult> {
    return this.#stream('StreamChat', ChatRequestSchema, request, ChatEventSchema)
  }

  close(): void {
    this.#client.close()
  }

  #stream<I extends DescMessage, O extends DescMessage>(
    method: string,
    input: I,
    request: MessageShape<I>,
    output: O,
    service = SERVICE,
  ): Promise<StreamResult<MessageShape<O>>> {
    const events: MessageShape<O>[] = []
    const call = this.#client.makeServerStreamRequest(
      `${service}/${method}`,
      (message: MessageShape<I>) => Buffer.from(toBinary(input, message)),
      (bytes) => fromBinary(output, bytes),
      request,
      { deadline: Date.now() + DEADLINE_MS },
    )
    return new Promise((resolve) => {
      call.on('data', (event: MessageShape<O>) => events.push(event))
      call.on('error', (error: grpc.ServiceError) => resolve({ events, error: rpcError(error) }))
      call.on('end', () => resolve({ events, error: undefined }))
    })
  }

  #unary<I extends DescMessage, O extends DescMessage>(
    method: string,
    input: I,
    request: MessageShape<I>,
    output: O,
  ): Promise<Result<MessageShape<O>>> {
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest(
        `${SERVICE}/${method}`,
        (message: MessageShape<I>) => Buffer.from(toBinary(input, message)),
        (bytes) => fromBinary(output, bytes),
        request,
        { deadline: Date.now() + DEADLINE_MS },
        (error, value) => {
          if (value !== undefined) resolve({ value })
          else if (error) resolve({ error: rpcError(error) })
        },
      )
    })
  }
}

function rpcError({ code, details, metadata }: grpc.ServiceError): RpcError {
  const [bytes] = metadata.get('grpc-status-details-bin')
  const packed = bytes instanceof Buffer ? fromBinary(RpcStatusSchema, bytes).details : []
  const unpack = <D extends DescMessage>(schema: D): MessageShape<D> | undefined => {
    for (const any of packed) {
      const found = anyUnpack(any, schema)
      if (found) return found
    }
    return undefined
  }
  const delay = unpack(RetryInfoSchema)?.retryDelay
  return {
    code: grpc.status[code],
    message: details,
    reason: unpack(ErrorInfoSchema)?.reason,
    retryAfter: delay && Number(delay.seconds) * 1000 + delay.nanos / 1e6,
    detail: unpack(ErrorDetailSchema),
  }
}
