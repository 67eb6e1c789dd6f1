import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Caller } from '../../domain/calls/call.ts'
import type { ByteBudget } from '../../domain/limits/byte-budget.ts'
import { PendingRequest } from '../bounds/pending-request.ts'
import { FRAME_PREFIX } from '../codec/encode.ts'
import type { AnswerableRefusal } from '../refusals.ts'

/** Many frames with few bytes on average, which ordinary clients have no reason to send. */
const MANY_FRAMES = 64
const SMALL_FRAME = 256

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

export interface UploadOptions {
  readonly guard: UploadGuard
  readonly stream: GuardedStream
  readonly budget: ByteBudget
  /** On the monotonic clock, in ms. */
  readonly now: number
  readonly caller: Caller | undefined
  readonly idempotencyKey: string | undefined
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
  /** As it arrived: grpc-js drops values that are not ASCII. */
  readonly idempotencyKey: string | undefined
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

  constructor({ guard, stream, budget, now, caller, idempotencyKey }: UploadOptions) {
    super(budget, caller)
    this.guard = guard
    this.stream = stream
    this.arrivedAt = now
    this.idempotencyKey = idempotencyKey
    this.session = stream.session as ServerHttp2Session | undefined // of a server's stream
  }

  get address(): string | undefined {
    return this.session?.socket?.remoteAddress
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

/** Notifies the call of a stream when that closes. A listener for each call would cost more. */
export function notifyWhenClosed(stream: GuardedStream, call: Closable): void {
  if (stream[UPLOAD]) stream[UPLOAD].call = call
}

/** The idempotency key of a stream, as it arrived. */
export function idempotencyKeyOf(stream: GuardedStream): string | undefined {
  return stream[UPLOAD]?.idempotencyKey
}

/** The caller whose credential was checked when the headers of a stream arrived. */
export function callerOf(stream: GuardedStream): Caller | undefined {
  return stream[UPLOAD]?.caller
}
