import { constants, type Http2Session, type ServerHttp2Stream, sensitiveHeaders } from 'node:http2'
import type { Message } from '@bufbuild/protobuf'
import type { ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js'
import { CHANGING_TRAILERS } from '../../domain/calls/call-record.ts'
import type { Cancellable } from '../../domain/cancellation.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import type { HeldBytes } from '../../domain/limits/byte-budget.ts'
import { holderOfAnyone } from '../../domain/limits/holder.ts'
import { afterTurns } from '../calls/after-turns.ts'
import { type LiveCall, type LiveCalls, type Mount, TIME_TO_END, TIME_TO_LEAVE } from '../calls/live-calls.ts'
import type { Arrived, NextTurn } from '../calls/next-turn.ts'
import { tooSlow } from '../calls/reply-limits.ts'
import type { Codec } from '../codec/codec.ts'
import { RequestContext } from '../context.ts'
import { type Endpoint, maxDurationOf } from '../endpoints.ts'
import { errorReply, toHeaders } from '../errors.ts'
import type { ServerOptions } from '../server-options.ts'
import { http2StreamOf } from './grpc-js.ts'
import { type Closable, type GuardedUpload, uploadOf } from './guarded-upload.ts'

const PEER = Symbol('peer')
/** HPACK is not to remember what is never said again. https://nodejs.org/api/http2.html#sensitive-headers */
const NEVER_REPEATED = ['x-request-id', ...CHANGING_TRAILERS]
const GRPC = 'application/grpc+proto'
const OK = { 'grpc-status': '0' }

/** A call as grpc-js hands it over, its messages as bytes. */
type Surface = ServerUnaryCall<Buffer, Buffer> | ServerWritableStream<Buffer, Buffer>

export interface GrpcMount<E extends Endpoint> extends Mount<E> {
  readonly turn: NextTurn
}

/** One call at the gRPC server, from its arrival until its last byte is sent. */
export abstract class GrpcCall implements LiveCall, Arrived, Cancellable, Closable, HeldBytes {
  slot = -1
  place = -1
  /** Bytes of its reply that its reader has not taken. */
  held = 0
  /** The user whose call it is, where the request names one. */
  part = ''
  readonly endless: boolean
  readonly context: RequestContext
  protected readonly settings: ServerOptions
  protected readonly stream: ServerHttp2Stream
  readonly #live: LiveCalls
  /** Whether its ending was handed to grpc-js. */
  #settled = false
  /** Whether it goes on without its connection. */
  #isUnread = false
  #over = false
  #stopPatience: (() => void) | undefined

  constructor({ endpoint, settings, live }: GrpcMount<Endpoint>, surface: Surface) {
    this.endless = endpoint.endless
    this.settings = settings
    this.stream = http2StreamOf(surface)
    this.#live = live
    const upload = uploadOf(this.stream)
    this.context = contextOf(surface, upload, endpoint, settings)
    // The `cancelled` of grpc-js is lost on a call that it ends before it hands it over.
    upload.call = this
    live.add(this)
    this.context.cancellation.add(this)
  }

  /** Answers it, unless it is over or grpc-js has refused it. */
  begin(): void {
    if (this.stream.destroyed || this.stream.headersSent) this.closed(false)
    else void this.serve()
  }

  /** Never rejects: that would be an unhandled rejection, which ends the process. */
  protected abstract serve(): Promise<void>

  /** Whether more of its answer may be sent. */
  protected get isOpen(): boolean {
    return !this.#settled && !this.#over
  }

  /** The first ending counts. */
  succeed(send: () => void): void {
    if (this.#settled) return
    this.#settled = true
    if (this.#isUnread) this.#end()
    else send()
  }

  /** The first ending counts. Never throws. */
  fail(error: GatewayError): void {
    if (error.reason === 'INTERNAL') this.settings.report(error, this.context)
    if (this.#settled) return
    this.#settled = true
    if (this.#isUnread) this.#end()
    else this.#sendStatus(toHeaders(errorReply(error, this.context.record)))
  }

  /** Begins the response. To be called before its first message. */
  protected sendHeaders(): void {
    const { requestId } = this.context
    const headers = { 'content-type': GRPC, 'x-request-id': requestId, [sensitiveHeaders]: NEVER_REPEATED }
    this.stream.respond(headers, { waitForTrailers: true })
  }

  /** Ends a response that is complete. */
  protected sendOk(): void {
    this.#sendStatus(OK)
  }

  /** Past grpc-js, which copies headers several times. Where no message was sent, the status is all of the response. */
  #sendStatus(status: Readonly<Record<string, string>>): void {
    const { stream, context } = this
    if (!this.canSend) return
    const { requestId, record } = context
    // Not a spread: of several sources it takes one to three microseconds more.
    const own = { 'x-request-id': requestId, [sensitiveHeaders]: NEVER_REPEATED }
    const headers = Object.assign(own, status, record.trailers)
    if (!stream.headersSent) {
      stream.respond({ 'content-type': GRPC, ...headers }, { endStream: true })
      return
    }
    stream.once('wantTrailers', () => {
      if (this.canSend) stream.sendTrailers(headers)
    })
    stream.end()
  }

  /** Whether its stream still takes something. */
  protected get canSend(): boolean {
    return !this.stream.destroyed && !this.stream.closed
  }

  get holder(): string {
    const { caller, peer } = this.context
    return holderOfAnyone(caller, peer)
  }

  /** Records how many bytes of its reply wait for its reader. */
  protected hold(bytes: number): void {
    const before = this.held
    if (bytes === before || (this.#over && bytes > 0)) return
    this.held = bytes
    this.settings.replies.change(this, before)
  }

  /** No status can reach a reader that does not read. */
  giveWay(): void {
    this.hold(0)
    const { clock, onRefused } = this.settings
    onRefused('reply_bytes', this.context.peer)
    this.#settled = true
    this.context.cancel(tooSlow())
    this.reset(constants.NGHTTP2_ENHANCE_YOUR_CALM)
    // Where the connection takes nothing either, the stream would keep its bytes.
    clock.after(TIME_TO_LEAVE, () => destroyUnsent(this.stream))
  }

  /** Decodes the request. Throws INVALID_REQUEST. */
  protected decode(codec: Codec, bytes: Buffer): Message {
    const request: Message & { readonly userId?: string } = codec.decode(bytes)
    this.part = request.userId ?? ''
    return request
  }

  /** Closes the stream without a status, which cannot reach a reader that stands still. */
  protected reset(code: number): void {
    this.stream.close(code)
  }

  /** It is over on the wire; nothing of it may be left. */
  protected release(): void {
    this.hold(0)
    this.#stopPatience?.()
    this.context.cancellation.remove(this)
    this.context.close()
    this.#live.remove(this)
  }

  /** Comes after every ending, a good one too. No error is made for those: that would cost much. */
  closed(isLost: boolean): void {
    if (this.#over) return
    if (isLost && !this.#settled && !this.endless && this.context.lose(this.settings.lostCalls)) {
      this.#isUnread = true
      this.hold(0)
      this.discard()
      return
    }
    this.#end()
    if (this.#settled) return
    this.#settled = true
    this.context.cancel(new GatewayError('CANCELLED', 'The client disconnected.'))
  }

  #end(): void {
    this.#over = true
    this.release()
  }

  /** From here on its answer is taken and thrown away. */
  protected discard(): void {}

  /** Handlers of the call are cancelled already. Without a handler the server answers; without a reader it closes. */
  cancel(reason: GatewayError): void {
    if (this.#over) return
    const { clock } = this.settings
    this.#stopPatience = clock.after(TIME_TO_END, () => {
      this.fail(reason)
      if (!this.#over) this.#stopPatience = afterTurns(clock, TIME_TO_LEAVE, () => this.reset(constants.NGHTTP2_CANCEL))
    })
  }
}

function contextOf(
  surface: Surface,
  upload: GuardedUpload,
  endpoint: Endpoint,
  settings: ServerOptions,
): RequestContext {
  const { clock, ids, report } = settings
  const { timeout, arrivedAt } = upload
  return new RequestContext(
    clock,
    {
      requestId: ids(),
      credential: upload.header('authorization'),
      idempotencyKey: upload.idempotencyKey,
      caller: upload.caller,
      peer: peerOf(surface, upload.stream),
      timeout: timeout === undefined ? undefined : timeout - (clock.now() - arrivedAt),
      maxDuration: maxDurationOf(endpoint, settings),
      requestBytes: () => surface.request,
      header: (name) => upload.header(name),
    },
    report,
  )
}

/** Ends the connection of a stream that was closed and is still there: its socket takes nothing. */
function destroyUnsent(stream: ServerHttp2Stream): void {
  if (!stream.destroyed) stream.session?.destroy()
}

/** The same for all calls of a connection: grpc-js would ask its socket again for each of them. */
function peerOf(surface: Surface, { session }: ServerHttp2Stream): string {
  if (!session) return surface.getPeer()
  const known: Http2Session & { [PEER]?: string } = session
  known[PEER] ??= surface.getPeer()
  return known[PEER]
}
