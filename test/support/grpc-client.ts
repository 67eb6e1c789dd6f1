import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf'
import { anyUnpack } from '@bufbuild/protobuf/wkt'
import * as grpc from '@grpc/grpc-js'
import { RpcStatusSchema } from '../../src/domain/types.ts'
import {
  type CallError,
  type CallOptions,
  callError,
  DEFAULT_DEADLINE,
  type Outcome,
  type ServerName,
  type StreamOutcome,
} from './client.ts'

/** The gRPC door, through grpc-js. */
export class GrpcClient implements ServerName {
  readonly #client: grpc.Client

  constructor(address: string, options: grpc.ClientOptions = {}, credentials = grpc.credentials.createInsecure()) {
    this.#client = new grpc.Client(address, credentials, options)
  }

  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions = {},
  ): Promise<Outcome<MessageShape<O>>> {
    return new Promise((resolve) => {
      const call = this.#client.makeUnaryRequest(
        pathOf(method),
        serializer(method.input),
        (bytes) => fromBinary(method.output, bytes),
        create(method.input, request),
        metadataOf(options),
        callOptionsOf(options),
        (error, value) => resolve({ value, error: error ? readError(error) : undefined }),
      )
      cancelWith(options.signal, call)
      returnTrailers(options, call)
    })
  }

  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions = {},
  ): Promise<StreamOutcome<MessageShape<O>>> {
    const messages: MessageShape<O>[] = []
    const call = this.#client.makeServerStreamRequest(
      pathOf(method),
      serializer(method.input),
      (bytes) => fromBinary(method.output, bytes),
      create(method.input, request),
      metadataOf(options),
      callOptionsOf(options),
    )
    cancelWith(options.signal, call)
    returnTrailers(options, call)
    return new Promise((resolve) => {
      call.on('data', (message: MessageShape<O>) => {
        messages.push(message)
        options.onMessage?.(message)
      })
      call.on('error', (error: grpc.ServiceError) => resolve({ messages, error: readError(error) }))
      call.on('end', () => resolve({ messages, error: undefined }))
    })
  }

  close(): void {
    this.#client.close()
  }
}

function pathOf({ parent, name }: DescMethod): string {
  return `/${parent.typeName}/${name}`
}

function serializer<I extends DescMessage>(schema: I) {
  return (message: MessageShape<I>) => Buffer.from(toBinary(schema, message))
}

function metadataOf({ metadata = {} }: CallOptions): grpc.Metadata {
  const pairs = new grpc.Metadata()
  for (const [name, value] of Object.entries(metadata)) pairs.set(name, value)
  return pairs
}

function callOptionsOf({ deadline = DEFAULT_DEADLINE }: CallOptions): grpc.CallOptions {
  return deadline === Number.POSITIVE_INFINITY ? {} : { deadline: Date.now() + deadline }
}

function cancelWith(signal: AbortSignal | undefined, call: { cancel(): void }): void {
  signal?.addEventListener('abort', () => call.cancel(), { once: true })
}

function returnTrailers({ onTrailers }: CallOptions, call: grpc.ClientUnaryCall | grpc.ClientReadableStream<unknown>) {
  if (!onTrailers) return
  call.on('status', ({ metadata }: grpc.StatusObject) => onTrailers((name) => metadata.get(name)[0]?.toString()))
}

function readError({ code, details, metadata }: grpc.ServiceError): CallError {
  const [bytes] = metadata.get('grpc-status-details-bin')
  const packed = bytes instanceof Buffer ? fromBinary(RpcStatusSchema, bytes).details : []
  const pushback = metadata.get('grpc-retry-pushback-ms')[0]?.toString()
  const error = callError(grpc.status[code], details, pushback, (schema) => {
    for (const any of packed) {
      const found = anyUnpack(any, schema)
      if (found) return found
    }
    return undefined
  })
  return { ...error, ...(bytes instanceof Buffer && { statusBytes: bytes.length }) }
}
