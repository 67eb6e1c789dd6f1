import type { Message } from '@bufbuild/protobuf'
import type { handleUnaryCall, ServerUnaryCall, StatusObject, sendUnaryData } from '@grpc/grpc-js'
import { GatewayError } from '../../domain/error.ts'
import { decode, type Encode, encoderFor } from '../codec/encode.ts'
import type { UnaryEndpoint } from '../endpoints.ts'
import { checkSize } from '../server-options.ts'
import { GrpcCall, type GrpcMount } from './grpc-call.ts'

class UnaryCall extends GrpcCall {
  readonly #endpoint: UnaryEndpoint
  readonly #request: Buffer
  readonly #encode: Encode
  readonly #callback: sendUnaryData<Buffer>

  constructor(
    mount: GrpcMount<UnaryEndpoint>,
    surface: ServerUnaryCall<Buffer, Buffer>,
    encode: Encode,
    callback: sendUnaryData<Buffer>,
  ) {
    super(mount, surface)
    this.#endpoint = mount.endpoint
    this.#request = surface.request
    this.#encode = encode
    this.#callback = callback
  }

  protected async serve(): Promise<void> {
    const { method, call } = this.#endpoint
    try {
      this.context.cancellation.throwIfCancelled()
      this.#answer(await call(decode(method.input, this.#request), this.context))
    } catch (error) {
      this.fail(GatewayError.from(error))
    }
  }

  #answer(response: Message): void {
    const bytes = this.#encode(response)
    checkSize(bytes.length, this.settings.maxSendBytes)
    this.succeed(() => this.#callback(null, bytes, this.trailers()))
  }

  protected sendStatus(status: StatusObject): void {
    this.#callback(status)
  }
}

export function unaryHandler(mount: GrpcMount<UnaryEndpoint>): handleUnaryCall<Buffer, Buffer> {
  const encode = encoderFor(mount.endpoint.method.output)
  return (surface, callback) => mount.turn.add(new UnaryCall(mount, surface, encode, callback))
}
