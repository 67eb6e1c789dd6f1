import { constants } from 'node:http2'
import type { Message } from '@bufbuild/protobuf'
import type { Metadata, ServerUnaryCall, ServerWritableStream, StatusObject, sendUnaryData } from '@grpc/grpc-js'
import { GatewayError } from '../domain/error.ts'
import type { EventStream, Reader } from '../domain/event-stream.ts'
import { DoorContext } from './context.ts'
import {
  checkSize,
  type DoorOptions,
  defaults,
  type LiveCall,
  type LiveCalls,
  TIME_TO_END,
  TIME_TO_LEAVE,
} from './door.ts'
import { decode, type Encode } from './encode.ts'
import type { Endpoint, StreamEndpoint, UnaryEndpoint } from './endpoints.ts'
import { errorReply, toGrpcStatus } from './errors.ts'
import { http2StreamOf } from './http2-stream.ts'

type Surface = ServerUnaryCall<Buffer, Buffer> | ServerWritableStream<Buffer, Buffer>

/** One call at the gRPC door, from its arrival until its last byte has left. */
abstract class GrpcCall implements LiveCall {
  slot = -1
  readonly endless: boolean
  readonly context: DoorContext
  protected readonly options: DoorOptions
  readonly #surface: Surface
  readonly #live: LiveCalls
  /** Whether its ending was handed to grpc-js. */
  #settled = false
  #over = false
  #stopPatience: (() => void) | undefined
  readonly #stopListening: () => void

  constructor(surface: Surface, { endless }: Endpoint, options: DoorOptions, live: LiveCalls) {
    this.endless = endless
    this.options = options
    this.#surface = surface
    this.#live = live
    this.context = contextOf(surface, endless, options)
    surface.on('cancelled', () => this.#end())
    live.add(this)
    this.#stopListening = this.context.cancellation.onCancel((reason) => this.#hurry(reason))
  }

  get settled(): boolean {
    return this.#settled
  }

  /** The first ending counts. */
  succeed(send: () => void): void {
    if (this.#settled) return
    this.#settled = true
    send()
  }

  /** The first ending counts. Never throws. */
  fail(error: GatewayError): void {
    if (error.reason === 'INTERNAL') this.options.report(error, this.context)
    if (this.#settled) return
    this.#settled = true
    this.sendStatus(toGrpcStatus(errorReply(error, this.context.trail), this.context))
  }

  protected abstract sendStatus(status: StatusObject): void

  /** Closes the stream without a status, which cannot reach a reader that stands still. */
  protected reset(code: number): void {
    http2StreamOf(this.#surface)?.close(code)
  }

  /** It is over on the wire; nothing of it may be left. */
  protected release(): void {
    this.#stopPatience?.()
    this.#stopListening()
    this.context.close()
    this.#live.remove(this)
  }

  /** grpc-js says `cancelled` after every ending, a good one too. No error is made for those: that would cost much. */
  #end(): void {
    this.#over = true
    this.release()
    if (this.#settled) return
    this.#settled = true
    this.context.cancel(new GatewayError('CANCELLED', 'The caller left.'))
  }

  /** Whoever works for the call was told to end. If nobody does, the door answers; if nobody reads, it closes. */
  #hurry(reason: GatewayError): void {
    if (this.#over) return
    const { clock } = this.options
    this.#stopPatience = clock.after(TIME_TO_END, () => {
      this.fail(reason)
      if (!this.#over) this.#stopPatience = clock.after(TIME_TO_LEAVE, () => this.reset(constants.NGHTTP2_CANCEL))
    })
  }
}

class UnaryCall extends GrpcCall {
  readonly #callback: sendUnaryData<Buffer>

  constructor(
    surface: ServerUnaryCall<Buffer, Buffer>,
    callback: sendUnaryData<Buffer>,
    endpoint: Endpoint,
    options: DoorOptions,
    live: LiveCalls,
  ) {
    super(surface, endpoint, options, live)
    this.#callback = callback
  }

  answer(bytes: Buffer): void {
    checkSize(bytes.length, this.options.maxSendBytes ?? defaults.maxSendBytes)
    this.succeed(() => this.#callback(null, bytes))
  }

  protected sendStatus(status: StatusObject): void {
    this.#callback(status)
  }
}

/** Hands the events of a call to its reader, and stops while that is full. */
class StreamCall extends GrpcCall implements Reader<Message> {
  readonly #surface: ServerWritableStream<Buffer, Buffer>
  readonly #encode: Encode
  #events: EventStream<Message> | undefined
  #written = 0
  #stopStallTimer: (() => void) | undefined

  constructor(
    surface: ServerWritableStream<Buffer, Buffer>,
    encode: Encode,
    endpoint: Endpoint,
    options: DoorOptions,
    live: LiveCalls,
  ) {
    super(surface, endpoint, options, live)
    this.#surface = surface
    this.#encode = encode
    surface.on('drain', () => this.#resume())
  }

  forward(events: EventStream<Message>): void {
    this.#events = events
    events.read(this)
  }

  event(message: Message): boolean {
    if (this.settled) return true
    const bytes = this.#encode(message)
    checkSize(bytes.length, this.options.maxSendBytes ?? defaults.maxSendBytes)
    const hasRoom = this.#surface.write(bytes, this.#onWritten)
    if (!hasRoom) this.#watchForStall()
    return hasRoom
  }

  end(error?: GatewayError): void {
    if (error) this.fail(error)
    else this.succeed(() => this.#surface.end())
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
    const { clock, stallTimeout = defaults.stallTimeout } = this.options
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

/** Never rejects: with grpc-js a rejected handler is an unhandled rejection, which ends the process. */
export async function serveUnary(
  endpoint: UnaryEndpoint,
  encode: Encode,
  options: DoorOptions,
  live: LiveCalls,
  surface: ServerUnaryCall<Buffer, Buffer>,
  callback: sendUnaryData<Buffer>,
): Promise<void> {
  const call = new UnaryCall(surface, callback, endpoint, options, live)
  try {
    call.context.cancellation.throwIfCancelled()
    call.answer(encode(await endpoint.call(decode(endpoint.method.input, surface.request), call.context)))
  } catch (error) {
    call.fail(GatewayError.from(error))
  }
}

/** Never rejects. */
export async function serveStream(
  endpoint: StreamEndpoint,
  encode: Encode,
  options: DoorOptions,
  live: LiveCalls,
  surface: ServerWritableStream<Buffer, Buffer>,
): Promise<void> {
  const call = new StreamCall(surface, encode, endpoint, options, live)
  try {
    call.context.cancellation.throwIfCancelled()
    call.forward(await endpoint.call(decode(endpoint.method.input, surface.request), call.context))
  } catch (error) {
    call.fail(GatewayError.from(error))
  }
}

function contextOf(surface: Surface, endless: boolean, options: DoorOptions): DoorContext {
  const { clock, ids, report, maxDuration = defaults.maxDuration } = options
  const { metadata } = surface
  const deadline = surface.getDeadline()
  return new DoorContext(
    clock,
    {
      requestId: ids(),
      credential: textOf(metadata, 'authorization'),
      peer: surface.getPeer(),
      // grpc-js counts it from Date.now().
      timeout: deadline === Number.POSITIVE_INFINITY ? undefined : Number(deadline) - Date.now(),
      maxDuration: endless ? Number.POSITIVE_INFINITY : maxDuration,
      header: (name) => textOf(metadata, name),
    },
    report,
  )
}

/** Of repeated values the first counts. */
function textOf(metadata: Metadata, name: string): string | undefined {
  const value = metadata.get(name)[0]
  return typeof value === 'string' ? value : value?.toString('base64')
}
