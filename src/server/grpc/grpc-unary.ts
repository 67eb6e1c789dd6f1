import type { Message } from '@bufbuild/protobuf'
import type { handleUnaryCall, ServerUnaryCall, StatusObject, sendUnaryData } from '@grpc/grpc-js'
import { GatewayError } from '../../domain/errors/error.ts'
import { checkSize } from '../calls/reply-limits.ts'
import { type Codec, unaryCodec } from '../codec/codec.ts'
import type { UnaryEndpoint } from '../endpoints.ts'
import { GrpcCall, type GrpcMount } from './grpc-call.ts'

class UnaryCall extends GrpcCall {
  readonly #endpoint: UnaryEndpoint
  readonly #surface: ServerUnaryCall<Buffer, Buffer>
  readonly #codec: Codec
  readonly #callback: sendUnaryData<Buffer>

  constructor(
    mount: GrpcMount<UnaryEndpoint>,
    surface: ServerUnaryCall<Buffer, Buffer>,
    codec: Codec,
    callback: sendUnaryData<Buffer>,
  ) {
    super(mount, surface)
    this.#endpoint = mount.endpoint
    this.#surface = surface
    this.#codec = codec
    this.#callback = callback
  }

  protected async serve(): Promise<void> {
    const { call } = this.#endpoint
    try {
      this.context.cancellation.throwIfCancelled()
      this.#answer(await call(this.decode(this.#codec, this.#surface.request), this.context))
    } catch (error) {
      this.fail(GatewayError.from(error))
    }
  }

  #answer(response: Message): void {
    const bytes = this.#codec.encode(response)
    checkSize(bytes.length, this.settings.maxSendBytes)
    this.succeed(() => {
      this.hold(bytes.length)
      this.#surface.sendMetadata(this.headers())
      this.#callback(null, bytes, this.trailers())
    })
  }

  protected sendStatus(status: StatusObject): void {
    this.#callback(status)
  }
}

export function unaryHandler(mount: GrpcMount<UnaryEndpoint>): handleUnaryCall<Buffer, Buffer> {
  const codec = unaryCodec(mount.endpoint.method)
  return (surface, callback) => mount.turn.add(new UnaryCall(mount, surface, codec, callback))
}
