import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Caller } from '../../domain/calls/call.ts'
import { IDEMPOTENCY_KEY } from '../../domain/calls/idempotency-key.ts'
import type { ByteBudget } from '../../domain/limits/byte-budget.ts'
import { PendingRequest } from '../bounds/pending-request.ts'
import { FRAME_PREFIX } from '../codec/encode.ts'
import type { AnswerableRefusal } from '../refusals.ts'

/** Many frames with few bytes on average, which ordinary clients have no reason to send. */
const MANY_FRAMES = 64
const SMALL_FRAME = 256
const PRINTABLE = /^[ -~]*$/

/** Where a stream has its upload. */
export const UPLOAD = Symbol('upload')
export type GuardedStream = ServerHttp2Stream & { [UPLOAD]?: GuardedUpload }

/** The call that is made of a stream. */
export interface Closable {
  /** Its stream is closed, however that came about; `isLost`: because its connection is, without a word of the client. */
  closed(isLost: boolean): void
}

/** What takes care of uploads. */
export interface UploadGuard {
  take(upload: GuardedUpload, chunk: Buffer): boolean
  refuse(stream: GuardedStream, refusal: AnswerableRefusal): void
  countReset(upload: GuardedUpload): void
}

/** What is known of a call when its headers have arrived and its credential is checked. */
export interface Opening {
  readonly caller: Caller | undefined
  readonly headers: IncomingHttpHeaders
  /** What `grpc-timeout` says, in ms. */
  readonly timeout: number | undefined
}

export interface UploadOptions extends Opening {
  readonly guard: UploadGuard
  readonly stream: GuardedStream
  readonly budget: ByteBudget
  /** On the monotonic clock, in ms. */
  readonly now: number
}

/** What has arrived of the request of a stream. */
export class GuardedUpload extends PendingRequest {
  readonly stream: GuardedStream
  /** Whether more is to come. */
  open = true
  /** Whether it has arrived, and waits to be decompressed. */
  isWaiting = false
  bytes = 0
  call: Closable | undefined
  readonly headers: IncomingHttpHeaders
  /** What its client gives the call from `arrivedAt` on, in ms; undefined if it set no deadline. */
  readonly timeout: number | undefined
  /** On the monotonic clock, in ms. */
  readonly arrivedAt: number
  /** Bytes that are read once more, after they were decompressed. */
  repeated = 0
  /** A stream that is over does not know it any more. */
  readonly session: ServerHttp2Session | undefined
  readonly guard: UploadGuard
  #frames = 0
  /** Length up to the end of its message; undefined until its prefix has arrived. */
  length: number | undefined
  #prefix: Buffer | undefined

  constructor({ guard, stream, budget, now, caller, headers, timeout }: UploadOptions) {
    super(budget, caller)
    this.guard = guard
    this.stream = stream
    this.arrivedAt = now
    this.headers = headers
    this.timeout = timeout
    this.session = stream.session as ServerHttp2Session | undefined // of a server's stream
  }

  get address(): string | undefined {
    return this.session?.socket?.remoteAddress
  }

  /** Every value, joined, as it arrived. */
  get idempotencyKey(): string | undefined {
    return this.headers[IDEMPOTENCY_KEY]?.toString()
  }

  /** The first value of a header, where that is printable ASCII, as gRPC wants it. */
  header(name: string): string | undefined {
    const value = this.headers[name]
    const text = Array.isArray(value) ? value[0] : value
    return text !== undefined && PRINTABLE.test(text) ? text : undefined
  }

  /** Whether the connection under it is closed. */
  get isLost(): boolean {
    return this.session?.destroyed === true
  }

  /** Whether its message has arrived. */
  get isWhole(): boolean {
    return this.length !== undefined && this.bytes >= this.length
  }

  /** Counts the next piece. Returns what is wrong with what has arrived so far. */
  take(chunk: Buffer): 'messages' | 'small_frames' | undefined {
    const again = Math.min(this.repeated, chunk.length)
    this.repeated -= again
    if (again === chunk.length) return undefined
    this.bytes += chunk.length - again
    this.#frames++
    this.length ??= this.#readLength(chunk)
    this.hold(this.bytes)
    if (this.length !== undefined && this.bytes > this.length) return 'messages'
    return this.#frames > MANY_FRAMES && this.bytes < this.#frames * SMALL_FRAME ? 'small_frames' : undefined
  }

  #readLength(chunk: Buffer): number | undefined {
    const head = this.#prefix ? Buffer.concat([this.#prefix, chunk]) : chunk
    if (head.length >= FRAME_PREFIX) return FRAME_PREFIX + head.readUInt32BE(1)
    this.#prefix = head
    return undefined
  }

  protected refuse(): void {
    this.guard.refuse(this.stream, 'pending_bytes')
  }
}

/** The upload of a stream that the guard has passed on. */
export function uploadOf(stream: GuardedStream): GuardedUpload {
  const upload = stream[UPLOAD]
  if (!upload) throw new Error('a stream that no guard has passed on')
  return upload
}
