import { constants } from 'node:http2'
import type { Message } from '@bufbuild/protobuf'
import type { handleServerStreamingCall, ServerWritableStream, StatusObject } from '@grpc/grpc-js'
import { GatewayError } from '../domain/error.ts'
import type { EventStream, Reader } from '../domain/event-stream.ts'
import { checkSize, type Mount } from './door.ts'
import { decode, type Encode, encoderFor } from './encode.ts'
import type { StreamEndpoint } from './endpoints.ts'
import { GrpcCall } from './grpc-call.ts'

/** Hands the events of a call to its reader, and stops while that is full. */
class StreamCall extends GrpcCall implements Reader<Message> {
  readonly #surface: ServerWritableStream<Buffer, Buffer>
  readonly #encode: Encode
  #events: EventStream<Message> | undefined
  #written = 0
  #stopStallTimer: (() => void) | undefined

  constructor(mount: Mount<StreamEndpoint>, surface: ServerWritableStream<Buffer, Buffer>, encode: Encode) {
    super(mount, surface)
    this.#surface = surface
    this.#encode = encode
    surface.on('drain', () => this.#resume())
  }

  forward(events: EventStream<Message>): void {
    this.#events = events
    events.read(this)
  }

  event(message: Message): boolean {
    const bytes = this.#encode(message)
    checkSize(bytes.length, this.settings.maxSendBytes)
    const hasRoom = this.#surface.write(bytes, this.#onWritten)
    if (!hasRoom) this.#watchForStall()
    return hasRoom
  }

  end(error?: GatewayError): void {
    if (error) this.fail(error)
    else this.succeed(() => this.#surface.end(this.trailers()))
  }

  /** The only way in which a stream of grpc-js fails: its `destroy` would leave the client hanging. */
  protected sendStatus(status: StatusObject): void {
    this.#surface.emit('error', status)
  }

  protected override release(): void {
    super.release()
    this.#stopStallTimer?.()
  }

  readonly #onWritten = (): void => {
    this.#written++
  }

  #resume(): void {
    this.#stopStallTimer?.()
    try {
      this.#events?.resume()
    } catch (error) {
      this.context.cancel(GatewayError.from(error))
    }
  }

  /** Watches single messages and not `drain`, so that a slow reader which takes a little each time lives on. */
  #watchForStall(): void {
    const { clock, stallTimeout } = this.settings
    const before = this.#written
    this.#stopStallTimer = clock.after(stallTimeout, () => {
      if (this.#written > before) this.#watchForStall()
      else {
        const message = `The caller took nothing of the stream for ${stallTimeout / 1000} s.`
        this.context.cancel(new GatewayError('CANCELLED', message))
        this.reset(constants.NGHTTP2_ENHANCE_YOUR_CALM)
      }
    })
  }
}

export function streamHandler(mount: Mount<StreamEndpoint>): handleServerStreamingCall<Buffer, Buffer> {
  const { endpoint } = mount
  const { input, output } = endpoint.method
  const encode = encoderFor(output)
  // Never rejects: that would be an unhandled rejection, which ends the process.
  const serve = async (call: StreamCall, request: Buffer) => {
    try {
      call.context.cancellation.throwIfCancelled()
      call.forward(await endpoint.call(decode(input, request), call.context))
    } catch (error) {
      call.fail(GatewayError.from(error))
    }
  }
  return (surface) => void serve(new StreamCall(mount, surface, encode), surface.request)
}
