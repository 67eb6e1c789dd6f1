import type { TextRequest } from '../../domain/calls/call.ts'
import { operations } from '../../domain/calls/operations.ts'
import type { Cancellable } from '../../domain/cancellation.ts'
import type { GatewayError } from '../../domain/errors/error.ts'
import { holderOfContext } from '../../domain/limits/holder.ts'
import type { Ask, ModelFacts } from '../../domain/ports/provider.ts'
import { EventStream, type Source } from '../../domain/streams/event-stream.ts'
import type { ChatEvent, ChatRequest } from '../../domain/types.ts'
import type { ReplyFormat, UpstreamRequest } from '../define.ts'
import type { VendorError } from '../failures/vendor-error.ts'
import { bodyReader } from './body/body-reader.ts'
import { ChatReply, type ChatReplyOwner } from './chat-reply.ts'
import type { Connection } from './connection.ts'
import type { HttpHeaders } from './http-client.ts'
import { type BodyReader, type ReplyReader, UpstreamCall } from './upstream-call.ts'

const NO_HEADERS: HttpHeaders = {}

/**
 * One chat with a vendor over HTTP. Settles when the first meaningful event is in hand. Throws what encoding throws.
 */
export function askChat(connection: Connection, ask: Ask<ChatRequest>): Promise<EventStream<ChatEvent>> {
  connection.mediaUrls?.check(ask.request)
  const streamed = ask.streamed || connection.settings.streamUnary
  const { wire } = connection
  const context = connection.wireContext(ask, streamed)
  const chat = wire.chooseChat?.(ask.request, context) ?? wire.chat
  const encoded = chat.encode(ask.request, context)
  return askForText(connection, { ask, streamed, encoded, format: chat, traits: operations.chat })
}

/** A request for text that is encoded already, and how its reply is read. */
export interface TextQuestion {
  readonly ask: Ask<TextRequest>
  readonly encoded: UpstreamRequest
  readonly format: ReplyFormat
  /** Whether the vendor is to send its answer as it produces it. */
  readonly streamed: boolean
  readonly traits: ChatReplyOwner['traits']
}

/** Sends the request. Settles when the first meaningful event is in hand. */
export function askForText(connection: Connection, question: TextQuestion): Promise<EventStream<ChatEvent>> {
  question.ask.context.cancellation.throwIfCancelled()
  return new Promise((resolve, reject) => {
    new HttpChat(connection, question, resolve, reject).send()
  })
}

/** Connects the events for the caller with the vendor's reply. One object serves both sides. */
class HttpChat implements ChatReplyOwner, ReplyReader, Source, Cancellable {
  readonly ask: Ask<TextRequest>
  readonly traits: ChatReplyOwner['traits']
  readonly describe: (model: string) => ModelFacts
  readonly #connection: Connection
  readonly #question: TextQuestion
  readonly #resolve: (events: EventStream<ChatEvent>) => void
  readonly #reject: (error: GatewayError) => void
  readonly #answer: ChatReply
  readonly #upstreamCall: UpstreamCall
  #replyHeaders: HttpHeaders = NO_HEADERS
  /** Whether the caller has received the stream. */
  #begun = false

  constructor(
    connection: Connection,
    question: TextQuestion,
    resolve: (events: EventStream<ChatEvent>) => void,
    reject: (error: GatewayError) => void,
  ) {
    const { settings, upstream, clock, catalogue, replies } = connection
    const { ask, encoded, streamed } = question
    this.ask = ask
    this.traits = question.traits
    this.describe = catalogue.frozen(ask.model)
    this.#connection = connection
    this.#question = question
    this.#resolve = resolve
    this.#reject = reject
    this.#answer = new ChatReply(this)
    this.#upstreamCall = new UpstreamCall(
      {
        upstream,
        request: connection.request('POST', encoded, ask.attempt.keyId, ask.traceparent),
        clock,
        replies,
        holder: holderOfContext(ask.context),
        part: ask.request.userId,
        attempt: ask.attempt,
        provider: settings.name,
        assumed: settings.assumed ?? false,
        model: ask.model,
        streamed,
        timeouts: ask.timeout ? { ...settings.timeout, ...ask.timeout } : settings.timeout,
        firstEventBy: ask.firstEventBy,
        isShare: ask.isShare,
      },
      this,
    )
  }

  send(): void {
    this.ask.context.cancellation.add(this)
    this.#upstreamCall.send()
  }

  /* The vendor's reply. */

  accept(headers: HttpHeaders): BodyReader {
    this.ask.attempt.status = 200
    this.#replyHeaders = headers
    const malformed = () => this.#connection.malformed(this.ask.model)
    return bodyReader(this.#question.format, headers, this.#question.streamed, malformed, this.#answer)
  }

  refuse(status: number, headers: HttpHeaders, body: string): void {
    this.ask.attempt.status = status
    this.#answer.fail(this.#connection.refusal(this.ask.model, status, headers, body))
  }

  fail(error: GatewayError): void {
    this.#answer.fail(error)
  }

  /* The response. */

  begin(): EventStream<ChatEvent> {
    const { cancellation } = this.ask.context
    cancellation.remove(this)
    this.#begun = true
    this.#upstreamCall.commit()
    const events = new EventStream<ChatEvent>(cancellation, this)
    this.#resolve(events)
    return events
  }

  completed(): void {
    this.#upstreamCall.release()
  }

  failed(error: GatewayError): void {
    this.#upstreamCall.cancel()
    if (this.#begun) return
    this.ask.context.cancellation.remove(this)
    this.#reject(error)
  }

  readError(error: VendorError): GatewayError {
    return this.#connection.reported(this.ask.model, error, this.#replyHeaders)
  }

  /* Flow control by the caller. */

  pause(): void {
    this.#upstreamCall.pause()
  }

  resume(): void {
    this.#upstreamCall.resume()
  }

  cancel(reason: GatewayError): void {
    this.#upstreamCall.cancel()
    if (this.#begun) this.#answer.abandon()
    else this.#reject(reason)
  }
}
