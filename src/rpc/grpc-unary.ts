import type { handleUnaryCall, ServerUnaryCall, StatusObject, sendUnaryData } from '@grpc/grpc-js'
import { GatewayError } from '../domain/error.ts'
import { checkSize, type Mount } from './door.ts'
import { decode, encoderFor } from './encode.ts'
import type { UnaryEndpoint } from './endpoints.ts'
import { GrpcCall } from './grpc-call.ts'

class UnaryCall extends GrpcCall {
  readonly #callback: sendUnaryData<Buffer>

  constructor(mount: Mount<UnaryEndpoint>, surface: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) {
    super(mount, surface)
    this.#callback = callback
  }

  answer(bytes: Buffer): void {
    checkSize(bytes.length, this.settings.maxSendBytes)
    this.succeed(() => this.#callback(null, bytes, this.trailers()))
  }

  protected sendStatus(status: StatusObject): void {
    this.#callback(status)
  }
}

export function unaryHandler(mount: Mount<UnaryEndpoint>): handleUnaryCall<Buffer, Buffer> {
  const { endpoint } = mount
  const { input, output } = endpoint.method
  const encode = encoderFor(output)
  // Never rejects: that would be an unhandled rejection, which ends the process.
  const serve = async (call: UnaryCall, request: Buffer) => {
    try {
      call.context.cancellation.throwIfCancelled()
      call.answer(encode(await endpoint.call(decode(input, request), call.context)))
    } catch (error) {
      call.fail(GatewayError.from(error))
    }
  }
  return (surface, callback) => void serve(new UnaryCall(mount, surface, callback), surface.request)
}
