import { constants, type IncomingHttpHeaders } from 'node:http2'
import type { GatewayError } from '../../domain/errors/error.ts'
import type { HeldBytes } from '../../domain/limits/byte-budget.ts'
import { FIRST_WINDOW, UnreadRequest } from '../bounds/pending-request.ts'
import { limitGrpcTimeout } from '../calls/timeouts.ts'
import { UnpackingRoom } from '../codec/unpacking.ts'
import type { SessionGuard } from '../connections/session-guard.ts'
import { type AnswerableRefusal, errorHeaders, type Refusal, refusalHeaders } from '../refusals.ts'
import type { ServerOptions } from '../server-options.ts'
import { isGrpc, refuseStream, useHttpPort } from '../wrong-port.ts'
import { Conversations } from './conversations.ts'
import type { StreamListener } from './grpc-js.ts'
import { type GuardedStream, GuardedUpload, type Opening, UPLOAD } from './guarded-upload.ts'
import { PackedMessages } from './packed-messages.ts'

/** Its messages come in their own time: it is a conversation. */
const REFLECTION = '/grpc.reflection.'
/** Interval between looks at whether a response has left, in ms. */
const QUEUE_CHECK = 10
/** How often it is looked for late requests within the time that each may take: one may take so much longer. */
const LOOKS = 10
/** What HPACK counts for a header beside its name and value. https://www.rfc-editor.org/rfc/rfc7541#section-4.1 */
const HEADER_OVERHEAD = 32

/** Stands before grpc-js: what passes has a right to be worked for. It costs a call a few microseconds. */
export class StreamGuard {
  /** Whether new calls are refused because the gateway shuts down. */
  draining = false
  readonly #settings: ServerOptions
  readonly #sessions: SessionGuard
  readonly #answers: ReturnType<typeof refusalHeaders>
  readonly #conversations: Conversations
  readonly #packed: PackedMessages
  readonly #useHttpPort: string
  /** Paths of the methods that need no credential. */
  readonly #openPaths: ReadonlySet<string>
  /** Cancels the next check for late uploads; undefined while there is none. */
  #stopLooking: (() => void) | undefined

  constructor(settings: ServerOptions, sessions: SessionGuard) {
    const { clock, maxCompressedCalls, maxReceiveBytes, readTimeout } = settings
    this.#settings = settings
    this.#sessions = sessions
    this.#answers = refusalHeaders(clock)
    this.#useHttpPort = useHttpPort(settings.otherAddress)
    this.#openPaths = new Set(settings.endpoints.filter(({ isOpen }) => isOpen).map(({ path }) => path))
    this.#conversations = new Conversations(settings)
    const room = new UnpackingRoom({ places: maxCompressedCalls, clock, maxWait: readTimeout })
    this.#packed = new PackedMessages({ room, maxReceiveBytes, refusals: this })
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
      const timeout = limitGrpcTimeout(headers)
      const refusal = this.#judge(headers, raw, timeout)
      if (refusal) {
        this.refuse(stream, refusal)
        return
      }
      const path = headers[':path'] ?? ''
      const address = stream.session?.socket.remoteAddress
      if (path.startsWith(REFLECTION)) {
        this.#conversations.add(stream, address)
        pass(stream, headers, flags, raw)
        return
      }
      let unread: UnreadRequest | undefined
      let isChecked = false
      const client = { headers, address, isOpen: this.#openPaths.has(path) }
      this.#settings.callerCheck.check(client, {
        pass: (caller) => {
          isChecked = true
          unread?.release()
          if (stream.destroyed) return
          this.#open(stream, { headers, timeout, caller }, () => pass(stream, wantedByGrpcJs(headers), flags, raw))
        },
        refuse: () => {
          isChecked = true
          unread?.release()
          this.refuse(stream, 'credential', address)
        },
      })
      if (!isChecked) unread = this.#holdUnread(stream, FIRST_WINDOW)
    }

  #judge(
    headers: IncomingHttpHeaders,
    raw: readonly string[],
    timeout: number | undefined,
  ): AnswerableRefusal | undefined {
    const { maxHeaderBytes, isOverloaded } = this.#settings
    if (this.draining) return 'draining'
    if (isOverloaded()) return 'overloaded'
    let bytes = (raw.length / 2) * HEADER_OVERHEAD
    for (const text of raw) bytes += text.length
    if (bytes > maxHeaderBytes) return 'header_bytes'
    if (isReflection(headers) && isPacked(headers)) return 'compressed_calls'
    if (headers['grpc-timeout'] === undefined) return undefined
    if (timeout === undefined) return 'malformed_timeout'
    return timeout < 1 ? 'no_time' : undefined
  }

  /** Passes a stream on: one that is compressed when its message has arrived and is decompressed. */
  #open(stream: GuardedStream, opening: Opening, pass: () => void): void {
    const { uploads: budget, clock } = this.#settings
    const { headers, caller } = opening
    const packed = isPacked(headers)
    // Nothing is decompressed for strangers.
    if (packed && caller === undefined) {
      this.refuse(stream, 'credential', stream.session?.socket.remoteAddress)
      return
    }
    const upload = new GuardedUpload({ guard: this, stream, budget, now: clock.now(), ...opening })
    stream[UPLOAD] = upload
    stream.on('close', onClose)
    upload.hold(0)
    if (!upload.open) return
    if (!this.#stopLooking) this.#lookLater()
    const enter = () => {
      // Before grpc-js adds its own.
      stream.on('data', onData)
      stream.on('end', onEnd)
      pass()
    }
    if (packed) this.#packed.await(upload, headers, enter)
    else enter()
  }

  /** More of a request has arrived. Returns whether it may go on. */
  take(upload: GuardedUpload, chunk: Buffer): boolean {
    const wrong = upload.take(chunk)
    const { stream } = upload
    if (!upload.open) return false
    if (wrong === 'messages') this.refuse(stream, wrong)
    else if (wrong) this.#reset(upload, wrong)
    else if (upload.caller === undefined && upload.bytes > FIRST_WINDOW) {
      this.refuse(stream, 'credential', upload.address)
    } else return true
    return false
  }

  /** One timer for all of them: nearly every request is whole in the turn in which it begins. */
  #lookLater(): void {
    const { clock, readTimeout, uploads } = this.#settings
    this.#stopLooking = clock.after(readTimeout / LOOKS, () => {
      const since = clock.now() - readTimeout
      const ours = uploads.filter((member) => this.#isOurs(member))
      for (const { stream, arrivedAt, isWaiting } of ours) {
        if (arrivedAt < since && !isWaiting) this.refuse(stream, 'read_timeout')
      }
      this.#stopLooking = undefined
      if (ours.length > 0) this.#lookLater()
    })
  }

  #isOurs(member: HeldBytes): member is GuardedUpload {
    return member instanceof GuardedUpload && member.guard === this
  }

  /** Answers, and takes no more of the request: a client that never ends it would keep its place. */
  refuse(stream: GuardedStream, refusal: AnswerableRefusal, address?: string): void {
    this.#settings.onRefused(refusal, address)
    this.#answer(stream, this.#answers[refusal])
  }

  /** Answers with an error that has nothing to do with limits. */
  fail(stream: GuardedStream, error: GatewayError): void {
    this.#answer(stream, errorHeaders(error, this.#settings.clock))
  }

  #answer(stream: GuardedStream, headers: ReturnType<typeof errorHeaders>): void {
    const upload = stream[UPLOAD]
    if (upload) {
      upload.open = false
      upload.release()
    }
    stream.on('error', nothing)
    if (stream.headersSent || stream.closed || stream.destroyed) {
      stream.close(constants.NGHTTP2_CANCEL)
      return
    }
    stream.respond(headers, { endStream: true })
    // grpc-js would answer as well if the stream that it has were still open.
    if (upload) stream.close(constants.NGHTTP2_NO_ERROR)
    else setImmediate(() => this.#closeWhenSent(stream, this.#holdUnread(stream, stream.readableLength)))
  }

  /**
   * Closes a stream once its response is on its way. nghttp2 drops a response that is still queued when its stream is
   * closed, as happens while the socket is busy. Until then it keeps what has arrived of the request.
   */
  #closeWhenSent(stream: GuardedStream, unread: UnreadRequest): void {
    if (stream.destroyed || stream.closed) return
    if ((stream.session?.state.outboundQueueSize ?? 0) === 0) {
      stream.close(constants.NGHTTP2_NO_ERROR)
      return
    }
    unread.hold(stream.readableLength)
    this.#settings.clock.after(QUEUE_CHECK, () => this.#closeWhenSent(stream, unread))
  }

  #holdUnread(stream: GuardedStream, bytes: number): UnreadRequest {
    const close = () => {
      this.#settings.onRefused('pending_bytes')
      stream.destroy()
    }
    const address = stream.session?.socket.remoteAddress
    const unread = new UnreadRequest({ budget: this.#settings.uploads, address, close })
    if (stream.destroyed) return unread
    stream.on('error', nothing)
    stream.once('close', () => unread.release())
    unread.hold(bytes)
    return unread
  }

  /** The client has reset a call. */
  countReset({ session, arrivedAt, stream }: GuardedUpload): void {
    this.#sessions.countReset({ session, arrivedAt, isAnswered: stream.headersSent })
  }

  #reset(upload: GuardedUpload, refusal: Refusal): void {
    upload.open = false
    upload.release()
    this.#settings.onRefused(refusal)
    upload.stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM)
  }
}

/*
 * Listeners of every stream: functions that all share.
 */

function onData(this: GuardedStream, chunk: Buffer): void {
  const upload = this[UPLOAD]
  if (upload?.open) upload.guard.take(upload, chunk)
}

function onEnd(this: GuardedStream): void {
  const upload = this[UPLOAD]
  if (!upload?.open) return
  upload.open = false
  upload.release()
}

function onClose(this: GuardedStream): void {
  const upload = this[UPLOAD]
  if (!upload) return
  upload.open = false
  upload.release()
  if (this.rstCode === constants.NGHTTP2_CANCEL) upload.guard.countReset(upload)
  // Where a client resets its stream, the connection is still there.
  upload.call?.closed(upload.isLost)
}

function isReflection(headers: IncomingHttpHeaders): boolean {
  return headers[':path']?.startsWith(REFLECTION) ?? false
}

/** It would copy every header, and keep a timer of its own for the deadline. */
function wantedByGrpcJs(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const { ':path': path, 'content-type': type, 'grpc-encoding': encoding } = headers
  return encoding === undefined
    ? { ':path': path, 'content-type': type }
    : { ':path': path, 'content-type': type, 'grpc-encoding': encoding }
}

/** Encodings that are not known are grpc-js's to refuse. */
function isPacked(headers: IncomingHttpHeaders): boolean {
  const encoding = headers['grpc-encoding']
  return encoding === 'gzip' || encoding === 'deflate'
}

function nothing(): void {}
