import type { Timeouts } from '../../domain/calls/call.ts'
import type { AttemptRecord } from '../../domain/calls/call-record.ts'
import type { Clock } from '../../domain/clock.ts'
import { type ErrorFacts, GatewayError } from '../../domain/errors/error.ts'
import type { Reason } from '../../domain/errors/reasons.ts'
import type { ByteBudget, HeldBytes } from '../../domain/limits/byte-budget.ts'
import type { Source } from '../../domain/streams/event-stream.ts'
import { networkError } from '../failures/network-error.ts'
import type { OutgoingRequest } from './connection.ts'
import type { ClientRequest, HttpClient, HttpHeaders, HttpReplyHandler, HttpRequest } from './http-client.ts'
import { Watchdog, type Watched } from './watchdog.ts'

/** Limit for a reply, in bytes. */
const MAX_BODY = 32 << 20
/** Limit for the part of a failed reply that is read, in bytes. */
const MAX_ERROR_BODY = 64 << 10
/** Time in which a reply may end after its response is complete, in ms; then its connection is closed. */
const DRAIN_MS = 5_000

export interface UpstreamCallOptions {
  readonly upstream: HttpClient
  readonly request: OutgoingRequest
  readonly clock: Clock
  /** Shared by all calls. */
  readonly replies: ByteBudget
  /** Caller that asks, for the budget of replies. */
  readonly holder: string
  /** The user among its users, where the request names one. */
  readonly part?: string | undefined
  /** For messages. */
  readonly provider: string
  readonly model: string
  /** Whether the provider is assumed, not configured. For messages. */
  readonly assumed: boolean
  /** Learns when the request is sent. */
  readonly attempt?: Pick<AttemptRecord, 'sent'> | undefined
  /** Whether a stream is requested; then the time to the first token and idle time are limited. */
  readonly streamed: boolean
  readonly timeouts: Timeouts
  /** Deadline of the first meaningful event, on the monotonic clock, in ms. */
  readonly firstEventBy: number
  /** Limit for the reply, in bytes. Default: 32 MiB. */
  readonly maxBytes?: number
  /** Whether that is a share of the caller's own deadline. */
  readonly isShare?: boolean | undefined
}

/** Reads the body of a good reply. What it throws fails the call. */
export interface BodyReader {
  /** Bytes that are kept until they are complete. */
  readonly held: number
  write(chunk: Buffer): void
  /** The body is complete. */
  end(): void
}

export interface ReplyReader {
  /** The reply has status 200; returns the reader of its body. */
  accept(headers: HttpHeaders): BodyReader
  /** The reply is a failure; `body` is its beginning. */
  refuse(status: number, headers: HttpHeaders, body: string): void
  /** There is no reply, or it was cut off. */
  fail(error: GatewayError): void
}

type Phase = 'before reply' | 'good reply' | 'failed reply' | 'draining' | 'over'

/** One upstream call with its limits for time and size. Every body is read to its end or its socket is closed. */
export class UpstreamCall implements Source, HttpReplyHandler, Watched, HeldBytes {
  place = -1
  readonly #options: UpstreamCallOptions
  readonly #reader: ReplyReader
  readonly #watchdog: Watchdog
  readonly #startedAt: number
  /** Infinity while the credential authorizes the request. */
  #connectBy = Number.POSITIVE_INFINITY
  #http: ClientRequest | undefined
  #sent = false
  #reusedConnection = false
  #phase: Phase = 'before reply'
  #committed = false
  #paused = false
  #lastChunkAt = 0
  #drainUntil = 0
  #received = 0
  #held = 0
  #body: BodyReader | undefined
  #refusal: { status: number; headers: HttpHeaders; chunks: Buffer[] } | undefined

  constructor(options: UpstreamCallOptions, reader: ReplyReader) {
    this.#options = options
    this.#reader = reader
    this.#startedAt = options.clock.now()
    if (!options.request.credential.authorize) this.#connectBy = this.#startedAt + options.timeouts.connect
    this.#watchdog = new Watchdog(options.clock, this)
  }

  /** Sends the request once its credential has authorized it. The reader may get a failure before this returns. */
  send(): void {
    const { request } = this.#options
    if (request.credential.authorize) void this.#authorize(request)
    else this.#dispatch(request)
  }

  async #authorize(request: OutgoingRequest): Promise<void> {
    try {
      const authorized = (await request.credential.authorize?.(request)) ?? request
      if (this.#phase === 'over') return
      const { clock, timeouts } = this.#options
      this.#connectBy = clock.now() + timeouts.connect
      this.#watchdog.recheck()
      this.#dispatch(authorized)
    } catch (thrown) {
      if (this.#phase !== 'over') this.#fail(GatewayError.from(thrown))
    }
  }

  #dispatch(request: HttpRequest): void {
    this.#http = this.#options.upstream.send(request, this)
  }

  /** To be called with the first meaningful event: from then on only pauses between chunks are limited. */
  commit(): void {
    this.#committed = true
    this.#watchdog.recheck()
  }

  /**
   * The answer is complete: what is left of the reply is read and dropped, so that its connection can be used again.
   */
  release(): void {
    if (this.#phase === 'over') return
    this.#phase = 'draining'
    this.#hold(0)
    this.#drainUntil = this.#options.clock.now() + DRAIN_MS
    this.#watchdog.recheck()
    this.#http?.resume()
  }

  pause(): void {
    if (this.#phase !== 'good reply') return
    this.#paused = true
    this.#http?.pause()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#noteChunk()
    this.#watchdog.recheck()
    this.#http?.resume()
  }

  /** Closes the socket. The reader is not called any more. */
  cancel(): void {
    if (this.#phase === 'over') return
    this.#close()
    this.#http?.abort()
  }

  sent(onFreshConnection: boolean): void {
    this.#sent = true
    if (this.#options.attempt) this.#options.attempt.sent = true
    this.#reusedConnection = !onFreshConnection
  }

  start(status: number, headers: HttpHeaders): void {
    this.#noteChunk()
    const encoding = headers['content-encoding']
    if (encoding && encoding !== 'identity') {
      this.#fail(this.#error('UPSTREAM_LIMIT', 'compressed its reply, which was not asked for'))
    } else if (status === 200) {
      this.#phase = 'good reply'
      this.#body = this.#reader.accept(headers)
    } else {
      this.#phase = 'failed reply'
      this.#refusal = { status, headers, chunks: [] }
    }
  }

  data(chunk: Buffer): void {
    this.#received += chunk.length
    this.#noteChunk()
    if (this.#phase === 'good reply') this.#read(chunk)
    else if (this.#phase === 'failed reply') this.#readRefusal(chunk)
    else if (this.#received > MAX_BODY) this.cancel()
  }

  end(): void {
    const phase = this.#phase
    this.#close()
    if (phase === 'good reply') this.#guard(() => this.#body?.end())
    else if (phase === 'failed reply') this.#refuse()
  }

  fail(cause: Error): void {
    const replied = this.#phase !== 'before reply'
    this.#close()
    this.#reader.fail(
      this.#committed
        ? this.#error('UPSTREAM_STREAM_TRUNCATED', 'broke off its answer', { cause })
        : networkError(this.#options, cause, { replied, reused: this.#reusedConnection }),
    )
  }

  /** Only streams have a limit for pauses. */
  #noteChunk(): void {
    if (this.#options.streamed) this.#lastChunkAt = this.#options.clock.now()
  }

  #read(chunk: Buffer): void {
    if (this.#received > (this.#options.maxBytes ?? MAX_BODY))
      this.#fail(this.#error('UPSTREAM_LIMIT', 'sent a reply of more than 32 MiB'))
    else this.#guard(() => this.#body?.write(chunk))
    if (this.#phase === 'good reply') this.#hold(this.#body?.held ?? 0)
  }

  #hold(bytes: number): void {
    if (bytes === this.#held) return
    const before = this.#held
    this.#held = bytes
    this.#options.replies.change(this, before)
  }

  #readRefusal(chunk: Buffer): void {
    this.#refusal?.chunks.push(chunk)
    if (this.#received <= MAX_ERROR_BODY) return
    this.cancel()
    this.#refuse()
  }

  #refuse(): void {
    if (!this.#refusal) return
    const { status, headers, chunks } = this.#refusal
    this.#reader.refuse(status, headers, Buffer.concat(chunks).toString('utf8', 0, MAX_ERROR_BODY))
  }

  #guard(read: () => void): void {
    try {
      read()
    } catch (thrown) {
      this.#fail(GatewayError.from(thrown))
    }
  }

  #fail(error: GatewayError): void {
    this.cancel()
    this.#reader.fail(error)
  }

  #close(): void {
    this.#phase = 'over'
    this.#hold(0)
    this.#watchdog.stop()
  }

  get holder(): string {
    return this.#options.holder
  }

  get part(): string {
    return this.#options.part ?? ''
  }

  get held(): number {
    return this.#held
  }

  giveWay(): void {
    const message = 'The gateway holds too many bytes of replies that are not complete. Ask for less at once.'
    this.#fail(new GatewayError('OVERLOADED', message))
  }

  limit(): number {
    const { timeouts, firstEventBy, streamed } = this.#options
    const total = this.#startedAt + timeouts.total
    if (this.#phase === 'draining') return this.#drainUntil
    if (!this.#committed) {
      const connected = this.#sent ? total : this.#connectBy
      return Math.min(total, firstEventBy, connected, streamed ? this.#startedAt + timeouts.firstToken : total)
    }
    if (this.#paused || !streamed) return total
    return Math.min(total, this.#lastChunkAt + timeouts.idle)
  }

  expire(): void {
    if (this.#phase === 'draining') this.cancel()
    else this.#fail(this.#expiry())
  }

  #expiry(): GatewayError {
    const { clock, timeouts } = this.#options
    if (!this.#sent && clock.now() >= this.#connectBy - 1) {
      const cause = Object.assign(new Error('no connection in time'), { code: 'ETIMEDOUT' })
      return networkError(this.#options, cause, { replied: false, reused: false })
    }
    if (!this.#committed) {
      const { firstEventBy, isShare } = this.#options
      const facts: ErrorFacts = isShare && clock.now() >= firstEventBy - 1 ? { blame: 'request' } : {}
      return this.#error('UPSTREAM_TIMEOUT', 'did not answer in time', facts)
    }
    if (clock.now() - this.#startedAt >= timeouts.total - 1) {
      return this.#error('GATEWAY_MAX_DURATION', `took longer than ${timeouts.total / 1000} s`)
    }
    return this.#error('UPSTREAM_IDLE_TIMEOUT', `sent nothing for ${timeouts.idle / 1000} s`)
  }

  /** Another target may be tried. After the beginning that needs the caller's permission. */
  #error(reason: Reason, what: string, facts: ErrorFacts = {}): GatewayError {
    const { provider, model } = this.#options
    return new GatewayError(reason, `${provider}/${model} ${what}.`, { ...facts, provider, model, fallback: true })
  }
}
