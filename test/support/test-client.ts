import {
  create,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf'
import { anyUnpack } from '@bufbuild/protobuf/wkt'
import * as grpc from '@grpc/grpc-js'
import {
  BadRequestSchema,
  ErrorDetailSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
  RpcStatusSchema,
} from '../../src/domain/types.ts'

export interface Ending {
  readonly code: number
  readonly message: string
  readonly trailers: grpc.Metadata
  /** Whether the server sent this ending, and not the client's own library. */
  readonly details: ReturnType<typeof detailsOf> | undefined
}

export interface Answer<O> {
  readonly response?: O
  readonly ending: Ending
}

/** A client of grpc-js for any method of the contract. */
export class TestClient {
  readonly #client: grpc.Client

  constructor(port: number, credentials = grpc.credentials.createInsecure(), options: grpc.ClientOptions = {}) {
    this.#client = new grpc.Client(`127.0.0.1:${port}`, credentials, options)
  }

  close(): void {
    this.#client.close()
  }

  unary<M extends DescMethod>(
    method: M,
    request: MessageInitShape<M['input']>,
    options: grpc.CallOptions = {},
    metadata = new grpc.Metadata(),
  ): { readonly answer: Promise<Answer<MessageShape<M['output']>>>; cancel(): void } {
    let call: grpc.ClientUnaryCall | undefined
    const answer = new Promise<Answer<MessageShape<M['output']>>>((resolve) => {
      let response: MessageShape<M['output']> | undefined
      call = this.#client.makeUnaryRequest(
        pathOf(method),
        (message: MessageInitShape<M['input']>) => bytesOf(method, message),
        (bytes) => fromBinary(method.output, bytes) as MessageShape<M['output']>, // that is what it decodes
        request,
        metadata,
        options,
        (_error, value) => {
          response = value
        },
      )
      call.on('status', (status) => resolve({ ...(response && { response }), ending: endingOf(status) }))
    })
    return { answer, cancel: () => call?.cancel() }
  }

  stream<M extends DescMethod>(
    method: M,
    request: MessageInitShape<M['input']>,
    options: grpc.CallOptions = {},
  ): TestReader<MessageShape<M['output']>> {
    const call = this.#client.makeServerStreamRequest(
      pathOf(method),
      (message: MessageInitShape<M['input']>) => bytesOf(method, message),
      (bytes) => fromBinary(method.output, bytes) as MessageShape<M['output']>, // that is what it decodes
      request,
      options,
    )
    return new TestReader(call)
  }

  /** Sends bytes that need not be a message. */
  raw(path: string, bytes: Buffer): Promise<Ending> {
    return new Promise((resolve) => {
      const asItIs = (value: Buffer) => value
      const call = this.#client.makeUnaryRequest(path, asItIs, asItIs, bytes, () => {})
      call.on('status', (status) => resolve(endingOf(status)))
    })
  }
}

export class TestReader<O> {
  readonly call: grpc.ClientReadableStream<O>
  readonly messages: O[] = []
  readonly ending: Promise<Ending>

  constructor(call: grpc.ClientReadableStream<O>) {
    this.call = call
    call.on('data', (message: O) => this.messages.push(message))
    call.on('error', () => {})
    this.ending = new Promise((resolve) => {
      call.on('status', (status: grpc.StatusObject) => resolve(endingOf(status)))
    })
  }

  /** The next message, then no more: a reader that stands still. */
  async first(): Promise<void> {
    await new Promise((resolve) => this.call.once('data', resolve))
    this.call.pause()
  }
}

function endingOf(status: grpc.StatusObject): Ending {
  const raw = status.metadata.get('grpc-status-details-bin')[0]
  return {
    code: status.code,
    message: status.details,
    trailers: status.metadata,
    details: Buffer.isBuffer(raw) ? detailsOf(raw) : undefined,
  }
}

/** What a client finds in `grpc-status-details-bin`. */
export function detailsOf(raw: Uint8Array) {
  const status = fromBinary(RpcStatusSchema, raw)
  const find = <S extends Parameters<typeof anyUnpack>[1]>(schema: S) => {
    for (const any of status.details) {
      const found = anyUnpack(any, schema)
      if (found) return found as MessageShape<S> // unpacked by that schema
    }
    return undefined
  }
  return {
    code: status.code,
    message: status.message,
    bytes: raw.length,
    info: find(ErrorInfoSchema),
    retry: find(RetryInfoSchema),
    badRequest: find(BadRequestSchema),
    attempts: find(ErrorDetailSchema),
  }
}

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`
}

function bytesOf<M extends DescMethod>(method: M, message: MessageInitShape<M['input']>): Buffer {
  return Buffer.from(toBinary(method.input, create(method.input, message)))
}
