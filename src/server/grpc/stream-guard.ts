import { constants, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { Caller } from '../../domain/calls/call.ts'
import type { Clock } from '../../domain/clock.ts'
import { Slots, type Slotted } from '../calls/slots.ts'
import { limitGrpcTimeout } from '../calls/timeouts.ts'
import { UnpackingRoom } from '../codec/unpacking.ts'
import type { SessionGuard } from '../connections/session-guard.ts'
import { Upload } from '../http/upload.ts'
import { type AnswerableRefusal, type Refusal, refusalHeaders } from '../refusals.ts'
import type { ServerOptions } from '../server-options.ts'
import { isGrpc, refuseStream, useHttpPort } from '../wrong-port.ts'
import { Conversations } from './conversations.ts'
import type { StreamListener } from './grpc-js.ts'

const UPLOAD = Symbol('upload')
type GuardedStream = ServerHttp2Stream & { [UPLOAD]?: GuardedUpload }

/** Its messages come in their own time: it is a conversation. */
const REFLECTION = '/grpc.reflection.'
/** Requests below this size are taken even where larger ones have filled the room. */
const SMALL_UPLOAD = 65_536
/** Interval between looks at whether a response has left, in ms. */
const QUEUE_CHECK = 10
/** How often it is looked for late requests within the time that each may take: one may take so much longer. */
const LOOKS = 10
/** What HPACK counts for a header beside its name and value. https://www.rfc-editor.org/rfc/rfc7541#section-4.1 */
const HEADER_OVERHEAD = 32

/** The call that is made of a stream. */
export interface Closable {
  /** Its stream is closed, however that came about. */
  closed(): void
}

/** The upload of a stream, and the guard that watches over it. */
class GuardedUpload extends Upload implements Slotted {
  slot = -1
  readonly guard: StreamGuard
  readonly stream: GuardedStream
  call: Closable | undefined
  readonly caller: Caller | undefined
  /** Whether it takes one of the places for compressed calls. */
  packed: boolean
  /** A stream that is over does not know it any more. */
  readonly session: ServerHttp2Session | undefined

  constructor(
    guard: StreamGuard,
    stream: GuardedStream,
    { now, packed, caller }: { readonly now: number; readonly packed: boolean; readonly caller: Caller | undefined },
  ) {
    super(now)
    this.caller = caller
    this.guard = guard
    this.stream = stream
    this.packed = packed
    this.session = stream.session as ServerHttp2Session | undefined // of a server's stream
  }
}

/** Stands before grpc-js: what passes has a right to be worked for. It costs a call a few microseconds. */
export class StreamGuard {
  /** Whether new calls are refused because the gateway shuts down. */
  draining = false
  readonly #settings: ServerOptions
  readonly #sessions: SessionGuard
  readonly #answers: ReturnType<typeof refusalHeaders>
  /** Bytes of requests that are not whole yet, in all. */
  #pendingBytes = 0
  readonly #conversations: Conversations
  readonly #unpacking: UnpackingRoom
  readonly #useHttpPort: string
  /** Requests that are not whole yet. */
  /** Paths of the methods that need no credential. */
  readonly #openPaths: ReadonlySet<string>
  readonly #uploads = new Slots<GuardedUpload>()
  /** Cancels the next check for late uploads; undefined while there is none. */
  #stopLooking: (() => void) | undefined

  constructor(settings: ServerOptions, sessions: SessionGuard) {
    this.#settings = settings
    this.#sessions = sessions
    this.#answers = refusalHeaders(settings.clock)
    this.#useHttpPort = useHttpPort(settings.otherAddress)
    this.#openPaths = new Set(settings.endpoints.filter(({ isOpen }) => isOpen).map(({ path }) => path))
    this.#conversations = new Conversations(settings)
    this.#unpacking = new UnpackingRoom(settings.maxCompressedCalls)
  }

  /** Before grpc-js's own listener. */
  readonly hook =
    (pass: StreamListener): StreamListener =>
    (stream, headers, flags, raw) => {
      // It came in one piece with what broke its connection; its error is still to be emitted.
      if (stream.destroyed) {
        stream.on('error', nothing)
        return
      }
      if (!isGrpc(headers['content-type'])) {
        this.#settings.onRefused('wrong_port')
        refuseStream(stream, this.#useHttpPort)
        return
      }
      const refusal = this.#judge(headers, raw)
      if (refusal) {
        this.#refuse(stream, refusal)
        return
      }
      const path = headers[':path'] ?? ''
      if (path.startsWith(REFLECTION)) {
        this.#conversations.add(stream, stream.session?.socket.remoteAddress)
        pass(stream, headers, flags, raw)
        return
      }
      const enter = (packed: boolean, caller: Caller | undefined) => {
        this.#open(stream, packed, caller)
        pass(stream, headers, flags, raw)
      }
      const address = stream.session?.socket.remoteAddress
      const client = { headers, address, isOpen: this.#openPaths.has(path) }
      this.#settings.callerCheck.check(client, {
        pass: (caller) => {
          if (stream.destroyed) return
          if (isCompressed(headers)) this.#await(stream, () => enter(true, caller))
          else enter(false, caller)
        },
        refuse: () => this.#refuse(stream, 'credential', address),
      })
    }

  #judge(headers: IncomingHttpHeaders, raw: readonly string[]): AnswerableRefusal | undefined {
    const { maxHeaderBytes, isOverloaded } = this.#settings
    if (this.draining) return 'draining'
    if (isOverloaded()) return 'overloaded'
    let bytes = (raw.length / 2) * HEADER_OVERHEAD
    for (const text of raw) bytes += text.length
    if (bytes > maxHeaderBytes) return 'header_bytes'
    if (isReflection(headers) && isCompressed(headers)) return 'compressed_calls'
    if (headers['grpc-timeout'] === undefined) return undefined
    const ms = limitGrpcTimeout(headers)
    if (ms === undefined) return 'malformed_timeout'
    return ms < 1 ? 'no_time' : undefined
  }

  #open(stream: GuardedStream, packed: boolean, caller: Caller | undefined): void {
    const upload = new GuardedUpload(this, stream, { now: this.#settings.clock.now(), packed, caller })
    this.#uploads.add(upload)
    if (!this.#stopLooking) this.#lookLater()
    stream[UPLOAD] = upload
    // Before grpc-js adds its own.
    stream.on('data', onData)
    stream.on('end', onEnd)
    stream.on('close', onClose)
  }

  /** More of a request has come. */
  take(stream: GuardedStream, upload: Upload, chunk: Buffer): void {
    const wrong = upload.take(chunk)
    this.#pendingBytes += chunk.length
    if (wrong === 'messages') this.#refuse(stream, wrong)
    else if (wrong) this.#reset(stream, wrong)
    else if (this.#pendingBytes > this.#settings.maxPendingBytes && upload.bytes > SMALL_UPLOAD) {
      this.#reset(stream, 'pending_bytes')
    }
  }

  /** Nothing of a request is on its way any more. */
  release(upload: GuardedUpload): void {
    upload.open = false
    this.#uploads.remove(upload)
    this.#pendingBytes -= upload.bytes
  }

  /** A request is unpacked and read, or never will be. Until then it swells, long after the last of it has arrived. */
  unpacked(upload: GuardedUpload): void {
    if (!upload.packed) return
    upload.packed = false
    this.#unpacking.leave()
  }

  /** Keeps a compressed call until it is its turn. */
  #await(stream: GuardedStream, enter: () => void): void {
    stream.on('error', nothing)
    const isGone = () => stream.closed || stream.destroyed
    if (!this.#unpacking.enter({ isGone, enter })) this.#refuse(stream, 'compressed_calls')
  }

  /** One timer for all of them: nearly every request is whole in the turn in which it begins. */
  #lookLater(): void {
    const { clock, readTimeout } = this.#settings
    this.#stopLooking = clock.after(readTimeout / LOOKS, () => {
      const since = clock.now() - readTimeout
      for (const upload of this.#uploads.filter(({ arrivedAt }) => arrivedAt < since)) {
        // Refused once, however long its stream takes to close.
        this.#uploads.remove(upload)
        if (!upload.stream.destroyed) this.#refuse(upload.stream, 'read_timeout')
      }
      this.#stopLooking = undefined
      if (this.#uploads.size > 0) this.#lookLater()
    })
  }

  /** Answers, and takes no more of the request: a client that never ends it would keep its place. */
  #refuse(stream: GuardedStream, refusal: AnswerableRefusal, address?: string): void {
    this.#settings.onRefused(refusal, address)
    stream.on('error', nothing)
    if (stream.headersSent || stream.closed || stream.destroyed) {
      stream.close(constants.NGHTTP2_CANCEL)
      return
    }
    stream.respond(this.#answers[refusal], { endStream: true })
    // grpc-js would answer as well if the stream that it has were still open.
    if (stream[UPLOAD]) stream.close(constants.NGHTTP2_NO_ERROR)
    else setImmediate(closeWhenSent, stream, this.#settings.clock)
  }

  /** The client has reset a call. */
  countReset(stream: GuardedStream, { session, arrivedAt }: GuardedUpload): void {
    this.#sessions.countReset({ session, arrivedAt, isAnswered: stream.headersSent })
  }

  #reset(stream: GuardedStream, refusal: Refusal): void {
    this.#settings.onRefused(refusal)
    stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM)
  }
}

/** Notifies the call of a stream when that closes. A listener for each call would cost more. */
export function notifyWhenClosed(stream: GuardedStream, call: Closable): void {
  if (stream[UPLOAD]) stream[UPLOAD].call = call
}

/** The caller whose credential was checked when the headers of a stream arrived. */
export function callerOf(stream: GuardedStream): Caller | undefined {
  return stream[UPLOAD]?.caller
}

/** The message of a stream is unpacked and has been read. */
export function messageIsRead(stream: GuardedStream): void {
  const upload = stream[UPLOAD]
  if (upload?.packed) upload.guard.unpacked(upload)
}

/**
 * Closes a stream once its response is on its way. nghttp2 drops a response that is still queued when its stream is
 * closed, as happens while the socket is busy.
 */
function closeWhenSent(stream: GuardedStream, clock: Clock): void {
  if (stream.destroyed || stream.closed) return
  if ((stream.session?.state.outboundQueueSize ?? 0) > 0) clock.after(QUEUE_CHECK, () => closeWhenSent(stream, clock))
  else stream.close(constants.NGHTTP2_NO_ERROR)
}

/*
 * Listeners of every stream: functions that all share.
 */

function onData(this: GuardedStream, chunk: Buffer): void {
  const upload = this[UPLOAD]
  if (upload?.open) upload.guard.take(this, upload, chunk)
}

function onEnd(this: GuardedStream): void {
  const upload = this[UPLOAD]
  if (upload?.open) upload.guard.release(upload)
}

function onClose(this: GuardedStream): void {
  const upload = this[UPLOAD]
  if (!upload) return
  if (upload.open) upload.guard.release(upload)
  upload.guard.unpacked(upload)
  if (this.rstCode === constants.NGHTTP2_CANCEL) upload.guard.countReset(this, upload)
  upload.call?.closed()
}

function isReflection(headers: IncomingHttpHeaders): boolean {
  return headers[':path']?.startsWith(REFLECTION) ?? false
}

/** Encodings that are not known are grpc-js's to refuse. */
function isCompressed(headers: IncomingHttpHeaders): boolean {
  const encoding = headers['grpc-encoding']
  return encoding !== undefined && encoding !== 'identity'
}

function nothing(): void {}
