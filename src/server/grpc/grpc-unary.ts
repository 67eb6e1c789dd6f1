import type { Message } from '@bufbuild/protobuf'
import type { handleUnaryCall, ServerUnaryCall } from '@grpc/grpc-js'
import { GatewayError } from '../../domain/errors/error.ts'
import { checkSize } from '../calls/reply-limits.ts'
import { type Codec, framedCodec } from '../codec/codec.ts'
import { FRAME_PREFIX } from '../codec/encode.ts'
import type { UnaryEndpoint } from '../endpoints.ts'
import { GrpcCall, type GrpcMount } from './grpc-call.ts'

class UnaryCall extends GrpcCall {
  readonly #endpoint: UnaryEndpoint
  readonly #surface: ServerUnaryCall<Buffer, Buffer>
  readonly #codec: Codec

  constructor(mount: GrpcMount<UnaryEndpoint>, surface: ServerUnaryCall<Buffer, Buffer>, codec: Codec) {
    super(mount, surface)
    this.#endpoint = mount.endpoint
    this.#surface = surface
    this.#codec = codec
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
    const frame = this.#codec.encode(response)
    checkSize(frame.length - FRAME_PREFIX, this.settings.maxSendBytes)
    this.succeed(() => {
      if (!this.canSend) return
      this.hold(frame.length)
      this.sendHeaders()
      this.stream.write(frame)
      this.sendOk()
    })
  }
}

export function unaryHandler(mount: GrpcMount<UnaryEndpoint>): handleUnaryCall<Buffer, Buffer> {
  const codec = framedCodec(mount.endpoint.method)
  return (surface) => mount.turn.add(new UnaryCall(mount, surface, codec))
}
