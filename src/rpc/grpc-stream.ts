import { constants } from 'node:http2'
import type { Message } from '@bufbuild/protobuf'
import type { handleServerStreamingCall, ServerWritableStream, StatusObject } from '@grpc/grpc-js'
import { GatewayError } from '../domain/error.ts'
import type { EventStream, Reader } from '../domain/event-stream.ts'
import { checkSize, stalled } from './door.ts'
import { decode, type Encode, encoderFor } from './encode.ts'
import type { StreamEndpoint } from './endpoints.ts'
import { GrpcCall, type GrpcMount } from './grpc-call.ts'

type Surface = ServerWritableStream<Buffer, Buffer>

/** Hands the events of a call to its reader, and stops while that is full. */
class StreamCall extends GrpcCall implements Reader<Message> {
  readonly #endpoint: StreamEndpoint
  readonly #surface: Surface
  readonly #encode: Encode
  #events: EventStream<Message> | undefined
  /** Messages that the reader has not taken yet. */
  #pending = 0
  /** When it last took one, or was first given one to take, on the monotonic clock, in ms. */
  #takenAt: number
  #saidAt: number
  #isBeating: boolean
  #stopPulse: () => void

  constructor(mount: GrpcMount<StreamEndpoint>, surface: Surface, encode: Encode) {
    super(mount, surface)
    this.#endpoint = mount.endpoint
    this.#surface = surface
    this.#encode = encode
    this.#isBeating = mount.endpoint.heartbeat !== undefined
    this.#takenAt = this.context.trail.arrivedAt
    this.#saidAt = this.#takenAt
    this.#stopPulse = this.#nextPulse(this.#takenAt)
    surface.on('drain', () => this.#resume())
  }

  protected async serve(): Promise<void> {
    const { method, call } = this.#endpoint
    try {
      this.context.cancellation.throwIfCancelled()
      this.#events = await call(decode(method.input, this.#surface.request), this.context)
      this.#events.read(this)
    } catch (error) {
      this.fail(GatewayError.from(error))
    }
  }

  event(message: Message): boolean {
    if (this.#isBeating && this.#endpoint.heartbeat?.isLast(message)) this.#isBeating = false
    return this.#write(message)
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
    this.#stopPulse()
  }

  #write(message: Message): boolean {
    const bytes = this.#encode(message)
    checkSize(bytes.length, this.settings.maxSendBytes)
    this.#saidAt = this.settings.clock.now()
    if (this.#pending++ === 0) this.#takenAt = this.#saidAt
    return this.#surface.write(bytes, this.#onTaken)
  }

  readonly #onTaken = (): void => {
    this.#pending--
    this.#takenAt = this.settings.clock.now()
  }

  #resume(): void {
    try {
      this.#events?.resume()
    } catch (error) {
      this.context.cancel(GatewayError.from(error))
    }
  }

  /**
   * One timer for a reader that stands still and for a stream that is silent. It watches single messages and not
   * `drain`, so that a slow reader which takes a little each time lives on.
   */
  readonly #pulse = (): void => {
    const { clock, stallTimeout, heartbeat } = this.settings
    const now = clock.now()
    if (this.#pending > 0 && now - this.#takenAt >= stallTimeout) {
      this.#cutOff()
      return
    }
    const { message } = this.#endpoint.heartbeat ?? {}
    if (message && this.#isBeating && this.isOpen && this.#pending === 0 && now - this.#saidAt >= heartbeat) {
      this.#write(message)
    }
    this.#stopPulse = this.#nextPulse(now)
  }

  /** Not later than anything can be due. */
  #nextPulse(now: number): () => void {
    const { clock, stallTimeout, heartbeat } = this.settings
    const stallsAt = (this.#pending > 0 ? this.#takenAt : now) + stallTimeout
    if (!this.#isBeating || !this.isOpen) return clock.after(stallsAt - now, this.#pulse)
    const beatsAt = (this.#pending > 0 ? now : this.#saidAt) + heartbeat
    return clock.after(Math.min(stallsAt, beatsAt) - now, this.#pulse)
  }

  #cutOff(): void {
    const { stallTimeout, onRefused } = this.settings
    onRefused('stalled')
    this.context.cancel(stalled(stallTimeout))
    this.reset(constants.NGHTTP2_ENHANCE_YOUR_CALM)
  }
}

export function streamHandler(mount: GrpcMount<StreamEndpoint>): handleServerStreamingCall<Buffer, Buffer> {
  const encode = encoderFor(mount.endpoint.method.output)
  return (surface) => mount.turn.add(new StreamCall(mount, surface, encode))
}
