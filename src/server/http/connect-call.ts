import { type Message, toBinary } from '@bufbuild/protobuf'
import { type ConnectError, createContextKey, type HandlerContext } from '@connectrpc/connect'
import type { Caller } from '../../domain/calls/call.ts'
import type { Cancellable } from '../../domain/cancellation.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import { afterTurns } from '../calls/after-turns.ts'
import { type LiveCall, type LiveCalls, type Mount, TIME_TO_END, TIME_TO_LEAVE } from '../calls/live-calls.ts'
import { checkSize, stalled } from '../calls/reply-limits.ts'
import { type Encode, encoderFor } from '../codec/encode.ts'
import { RequestContext } from '../context.ts'
import { type Endpoint, type Heartbeat, maxDurationOf, type StreamEndpoint, type UnaryEndpoint } from '../endpoints.ts'
import { errorReply, toConnectError } from '../errors.ts'
import type { ServerOptions } from '../server-options.ts'
import { AsyncEvents, type Follower } from './async-events.ts'

/** One HTTP request and its response, as a call sees it. */
export interface ConnectExchange {
  readonly requestId: string
  /** As CallContext.caller. */
  readonly caller: Caller | undefined
  readonly peer: string
  /** The user that the request names; empty until it is decoded. */
  userId: string
  /** The value of `idempotency-key`. */
  readonly idempotencyKey: string | undefined
  /** Whether the connection under it is closed, and not its HTTP/2 stream alone. */
  isLost(): boolean
  /** Calls `listener` once the response is sent or broken off, at once if it is. */
  onClose(listener: () => void): void
  /** Breaks the response off. */
  destroy(): void
}

/** How the exchange reaches Connect's handlers. */
export const exchangeKey = createContextKey<ConnectExchange | undefined>(undefined, { description: 'exchange' })

/** One call at the HTTP server, from its arrival until its last byte is sent. */
class ConnectCall implements LiveCall, Cancellable, Follower<Message> {
  slot = -1
  readonly endless: boolean
  readonly context: RequestContext
  /** Answers for the call when it was cancelled and does not end by itself. */
  giveUp: ((reason: GatewayError) => void) | undefined
  /** Sends a message beside the stream. */
  say: ((message: Message) => void) | undefined
  /** From here on its answer is taken and thrown away. */
  discard: (() => void) | undefined
  readonly #exchange: ConnectExchange
  readonly #settings: ServerOptions
  readonly #encode: Encode
  readonly #live: LiveCalls
  readonly #responseTrailer: Headers
  #settled = false
  /** Whether it goes on without its connection. */
  #isUnread = false
  #over = false
  #stopPatience: (() => void) | undefined
  #stopStallTimer: (() => void) | undefined
  #stopHeartbeat: (() => void) | undefined
  #heartbeat: Heartbeat | undefined

  constructor({ endpoint, settings, live }: Mount<Endpoint>, request: Message, handler: HandlerContext) {
    const exchange = handler.values.get(exchangeKey)
    if (!exchange) throw new Error('the HTTP server passed no exchange to the handler')
    this.endless = endpoint.endless
    this.#responseTrailer = handler.responseTrailer
    if (endpoint.kind === 'server_streaming') this.#heartbeat = endpoint.heartbeat
    this.#exchange = exchange
    exchange.userId = userOf(request)
    this.#settings = settings
    this.#encode = encoderFor(endpoint.method.output)
    this.#live = live
    this.context = contextOf(handler, exchange, endpoint, request, settings)
    live.add(this)
    this.context.cancellation.add(this)
    exchange.onClose(() => this.#closed())
  }

  /** The reader has taken what it was given. */
  asked(): void {
    this.#stopStallTimer?.()
    const { message } = this.#heartbeat ?? {}
    const { clock, heartbeat } = this.#settings
    if (message && !this.#over) this.#stopHeartbeat = clock.after(heartbeat, () => this.say?.(message))
  }

  gave(message: Message): void {
    this.#stopHeartbeat?.()
    this.checkSize(message)
    if (this.#heartbeat?.isLast(message)) this.#heartbeat = undefined
    const { clock, stallTimeout, onRefused } = this.#settings
    this.#stopStallTimer = clock.after(stallTimeout, () => {
      onRefused('stalled')
      this.context.cancel(stalled(stallTimeout))
      this.#exchange.destroy()
    })
  }

  /** Connect's own limit knows no reason and no advice. Throws RESPONSE_TOO_LARGE. */
  checkSize(message: Message): void {
    checkSize(this.#encode(message).length, this.#settings.maxSendBytes)
  }

  ended(error: GatewayError | undefined): ConnectError | undefined {
    this.#settled = true
    this.#stopHeartbeat?.()
    if (this.#isUnread) this.#end()
    if (error?.reason === 'INTERNAL') this.#settings.report(error, this.context)
    const { record } = this.context
    if (!error)
      for (const [name, value] of Object.entries(record.trailers ?? {})) this.#responseTrailer.set(name, value)
    return error && toConnectError(errorReply(error, record), record.trailers)
  }

  left(): void {
    if (this.#settled || this.#isUnread) return
    if (this.#exchange.isLost() && !this.endless && this.context.lose(this.#settings.lostCalls)) {
      this.#isUnread = true
      this.#stopStallTimer?.()
      this.#stopHeartbeat?.()
      this.discard?.()
      return
    }
    this.#settled = true
    this.context.cancel(new GatewayError('CANCELLED', 'The client disconnected.'))
  }

  #closed(): void {
    this.left()
    if (!this.#isUnread) this.#end()
  }

  #end(): void {
    this.#over = true
    this.#stopPatience?.()
    this.#stopStallTimer?.()
    this.#stopHeartbeat?.()
    this.context.cancellation.remove(this)
    this.context.close()
    this.#live.remove(this)
  }

  /** Connect enforces no deadline, and waits for a reader that stands still. */
  cancel(reason: GatewayError): void {
    if (this.#over) return
    const { clock } = this.#settings
    this.#stopPatience = clock.after(TIME_TO_END, () => {
      this.giveUp?.(reason)
      if (!this.#over) this.#stopPatience = afterTurns(clock, TIME_TO_LEAVE, () => this.#exchange.destroy())
    })
  }
}

function userOf({ userId = '' }: Message & { readonly userId?: string }): string {
  return userId
}

export async function answerUnary(
  mount: Mount<UnaryEndpoint>,
  request: Message,
  handler: HandlerContext,
): Promise<Message> {
  const call = new ConnectCall(mount, request, handler)
  const overdue = new Promise<never>((_, reject) => {
    call.giveUp = reject
  })
  try {
    call.context.cancellation.throwIfCancelled()
    const response = await Promise.race([mount.endpoint.call(request, call.context), overdue])
    call.checkSize(response)
    call.ended(undefined)
    return response
  } catch (error) {
    throw call.ended(GatewayError.from(error))
  }
}

export function answerStream(
  mount: Mount<StreamEndpoint>,
  request: Message,
  handler: HandlerContext,
): AsyncIterable<Message> {
  const call = new ConnectCall(mount, request, handler)
  const events = new AsyncEvents<Message>(call)
  call.giveUp = (reason) => events.end(reason)
  call.say = (message) => events.say(message)
  call.discard = () => events.discard()
  const open = async () => {
    try {
      call.context.cancellation.throwIfCancelled()
      events.open(await mount.endpoint.call(request, call.context))
    } catch (error) {
      events.end(GatewayError.from(error))
    }
  }
  void open()
  return events
}

function contextOf(
  handler: HandlerContext,
  exchange: ConnectExchange,
  endpoint: Endpoint,
  request: Message,
  settings: ServerOptions,
): RequestContext {
  const { clock, report } = settings
  const header = (name: string) => handler.requestHeader.get(name) ?? undefined
  return new RequestContext(
    clock,
    {
      requestId: exchange.requestId,
      credential: header('authorization'),
      idempotencyKey: exchange.idempotencyKey,
      caller: exchange.caller,
      peer: exchange.peer,
      timeout: handler.timeoutMs(),
      maxDuration: maxDurationOf(endpoint, settings),
      requestBytes: () => toBinary(endpoint.method.input, request),
      header,
    },
    report,
  )
}
