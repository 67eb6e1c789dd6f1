import { constants } from 'node:http2'
import type { Message } from '@bufbuild/protobuf'
import type { handleServerStreamingCall, ServerWritableStream } from '@grpc/grpc-js'
import { GatewayError } from '../../domain/errors/error.ts'
import type { EventStream, Reader } from '../../domain/streams/event-stream.ts'
import { checkSize, stalled } from '../calls/reply-limits.ts'
import { type Codec, framedCodec } from '../codec/codec.ts'
import { FRAME_PREFIX } from '../codec/encode.ts'
import type { StreamEndpoint } from '../endpoints.ts'
import { GrpcCall, type GrpcMount } from './grpc-call.ts'

/** What may wait for a reader, in bytes. Nothing more is produced while there is so much. */
const ROOM = 4 * 1024

type Surface = ServerWritableStream<Buffer, Buffer>

/**
 * Hands the events of a call to its reader, and stops while that is full. Those of one turn of the loop leave together.
 */
class StreamCall extends GrpcCall implements Reader<Message> {
  readonly #endpoint: StreamEndpoint
  readonly #surface: Surface
  readonly #codec: Codec
  #events: EventStream<Message> | undefined
  /** Whether the messages of this turn are being gathered. */
  #gathers = false
  /** Messages that the reader has not taken yet. */
  #pending = 0
  #isFull = false
  #isDiscarded = false
  /** When it last took one, or was first given one to take, on the monotonic clock, in ms. */
  #takenAt: number
  #saidAt: number
  #isBeating: boolean
  #stopPulse: () => void

  constructor(mount: GrpcMount<StreamEndpoint>, surface: Surface, codec: Codec) {
    super(mount, surface)
    this.#endpoint = mount.endpoint
    this.#surface = surface
    this.#codec = codec
    this.#isBeating = mount.endpoint.heartbeat !== undefined
    this.#takenAt = this.context.record.arrivedAt
    this.#saidAt = this.#takenAt
    this.#stopPulse = this.#nextPulse(this.#takenAt)
  }

  protected async serve(): Promise<void> {
    const { call } = this.#endpoint
    try {
      this.context.cancellation.throwIfCancelled()
      this.#events = await call(this.decode(this.#codec, this.#surface.request), this.context)
      this.#events.read(this)
    } catch (error) {
      this.fail(GatewayError.from(error))
    }
  }

  event(message: Message): boolean {
    if (this.#isDiscarded) return true
    if (this.#isBeating && this.#endpoint.heartbeat?.isLast(message)) this.#isBeating = false
    return this.#write(message)
  }

  end(error?: GatewayError): void {
    if (error) this.fail(error)
    else this.succeed(() => this.sendOk())
  }

  protected override release(): void {
    super.release()
    this.#stopPulse()
  }

  protected override discard(): void {
    this.#isDiscarded = true
    this.#stopPulse()
    this.#resume()
  }

  #write(message: Message): boolean {
    const frame = this.#codec.encode(message)
    checkSize(frame.length - FRAME_PREFIX, this.settings.maxSendBytes)
    const { stream } = this
    if (!this.canSend) return false
    if (!stream.headersSent) this.sendHeaders()
    if (!this.#gathers) this.#gather()
    if (this.#pending++ === 0) this.#takenAt = this.#saidAt
    stream.write(frame, this.#onTaken)
    this.#isFull = stream.writableLength >= ROOM
    if (this.#isFull) this.hold(stream.writableLength)
    return !this.#isFull
  }

  #gather(): void {
    this.#gathers = true
    this.#saidAt = this.settings.clock.now()
    this.stream.cork()
    process.nextTick(this.#send)
  }

  readonly #send = (): void => {
    this.#gathers = false
    this.stream.uncork()
  }

  readonly #onTaken = (): void => {
    if (this.held > 0) this.hold(this.stream.writableLength)
    if (--this.#pending > 0) this.#takenAt = this.settings.clock.now()
    else if (this.#isFull) this.#resume()
  }

  #resume(): void {
    this.#isFull = false
    try {
      this.#events?.resume()
    } catch (error) {
      this.context.cancel(GatewayError.from(error))
    }
  }

  /**
   * One timer for a reader that stands still and for a stream that is silent. Who takes what waits for it, however
   * slowly, lives on.
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
  const codec = framedCodec(mount.endpoint.method)
  return (surface) => mount.turn.add(new StreamCall(mount, surface, codec))
}
