import { GatewayError } from '../../domain/error.ts'
import { promptTokens, textTokens } from '../../domain/estimate.ts'
import type { EventStream } from '../../domain/event-stream.ts'
import {
  citationEvent,
  finishEvent,
  partEvent,
  type ReasoningPiece,
  reasoningEvent,
  refusalEvent,
  startEvent,
  type ToolCallPiece,
  textEvent,
  toolCallEvent,
} from '../../domain/events.ts'
import type { Ask, ModelFacts } from '../../domain/ports/provider.ts'
import {
  type ChatEvent,
  type ChatRequest,
  type Citation,
  FinishReason,
  type Part,
  type Usage,
} from '../../domain/types.ts'
import type { ChatSink, VendorError } from '../define.ts'
import { costOfUsage, withTotal } from '../prices/usage.ts'

/** The most tool calls, and blocks of reasoning, in one answer. */
const MAX_ITEMS = 1024

/** Whose answer it is. */
export interface ChatReplyOwner {
  readonly ask: Ask<ChatRequest>
  /** What is known of a model, for the cost. */
  describe(model: string): ModelFacts
  /** The first meaningful event is in hand: makes the stream that the caller receives. */
  begin(): EventStream<ChatEvent>
  /** The answer is complete. */
  completed(): void
  /** The answer failed; `begun` tells whether the caller has the stream. */
  failed(error: GatewayError, begun: boolean): void
  /** What a vendor's error inside a good reply means. */
  readError(error: VendorError): GatewayError
}

/** Makes the caller's events of what a vendor says. The stream begins with the first event that means something. */
export class ChatReply implements ChatSink {
  readonly #owner: ChatReplyOwner
  #events: EventStream<ChatEvent> | undefined
  #ended = false
  #id = ''
  #model = ''
  #reason: FinishReason | undefined
  #rawReason = ''
  #usage: Usage | undefined
  #reasoningBlocks = 0
  #toolCalls = 0
  /** Characters of all that was said. */
  #said = 0

  constructor(owner: ChatReplyOwner) {
    this.#owner = owner
  }

  get stopped(): boolean {
    return this.#reason !== undefined
  }

  get ended(): boolean {
    return this.#ended
  }

  identify(id: unknown, model: unknown): void {
    if (this.#id === '' && typeof id === 'string') this.#id = id
    if (this.#model === '' && typeof model === 'string') this.#model = model
  }

  text(text: string, signature = ''): void {
    if (text === '' && signature === '') return
    this.#said += text.length
    this.#push(textEvent(text, signature))
  }

  reasoning(index: number, piece: ReasoningPiece): void {
    if (!this.#inOrder(index, this.#reasoningBlocks)) return
    this.#reasoningBlocks = Math.max(this.#reasoningBlocks, index + 1)
    this.#said += piece.text?.length ?? 0
    this.#push(reasoningEvent(index, piece))
  }

  toolCall(index: number, piece: ToolCallPiece): void {
    if (!this.#inOrder(index, this.#toolCalls)) return
    this.#said += piece.arguments?.length ?? 0
    if (index < this.#toolCalls) {
      const { arguments: text, signature } = piece
      if (text || signature) {
        this.#push(toolCallEvent(index, { ...(text && { arguments: text }), ...(signature && { signature }) }))
      }
      return
    }
    this.#toolCalls = index + 1
    this.#push(toolCallEvent(index, { ...piece, id: piece.id || `call_${index}` }))
  }

  refusal(text: string): void {
    if (text === '') return
    this.#said += text.length
    this.#push(refusalEvent(text))
  }

  part(part: Part): void {
    this.#push(partEvent(part))
  }

  citation(citation: Citation): void {
    this.#push(citationEvent(citation))
  }

  usage(usage: Usage): void {
    if (this.#ended) return
    this.#usage = usage
    this.#owner.ask.attempt.usage = usage
  }

  warn(warning: string): void {
    const { warnings } = this.#owner.ask.attempt
    if (!warnings.includes(warning)) warnings.push(warning)
  }

  stop(reason: FinishReason, raw: string): void {
    this.#reason = reason
    this.#rawReason = raw
  }

  done(): void {
    if (this.#ended) return
    const { context, attempt } = this.#owner.ask
    const usage = this.#finalUsage()
    const cost = costOfUsage(usage, attempt.model, this.#model, this.#owner.describe)
    attempt.usage = usage
    context.record.succeed(attempt)
    this.#push(
      finishEvent({
        finishReason: this.#finishReason(),
        rawFinishReason: this.#rawReason,
        usage,
        cost,
        route: context.record.route(attempt, this.#id, this.#model),
      }),
    )
    this.#ended = true
    this.#owner.completed()
    this.#events?.end()
  }

  fail(error: GatewayError): void {
    if (this.#ended) return
    this.#ended = true
    const events = this.#events
    const { attempt } = this.#owner.ask
    if (events) attempt.usage = this.#finalUsage()
    // Decoders do not know whose reply they read.
    const named = error.at(attempt.provider, attempt.model)
    this.#owner.failed(named, events !== undefined)
    events?.end(named)
  }

  /** Nobody waits for the rest: tells what was used until now. */
  abandon(): void {
    if (this.#ended) return
    this.#ended = true
    this.#owner.ask.attempt.usage = this.#finalUsage()
  }

  failWith(error: VendorError): void {
    const reported = this.#owner.readError(error)
    // Once the answer has begun, it no longer matters which failure of the vendor's own cut it.
    const cut = this.#events !== undefined && reported.code === 'UNAVAILABLE'
    this.fail(
      cut
        ? new GatewayError('UPSTREAM_STREAM_ERROR', reported.message, { ...reported.facts, cause: reported })
        : reported,
    )
  }

  #push(event: ChatEvent): void {
    if (this.#ended) return
    if (!this.#events) {
      const { context, attempt, streamed } = this.#owner.ask
      this.#events = this.#owner.begin()
      attempt.committed = true
      // Who waits for the whole answer reads the route at its end.
      const route = streamed ? context.record.route(attempt, this.#id, this.#model) : undefined
      this.#events.push(startEvent(context.requestId, route))
    }
    this.#events.push(event)
  }

  /** Indices come from the vendor: a jump would make a hole, or an array of a billion places. */
  #inOrder(index: number, count: number): boolean {
    if (index <= count && index < MAX_ITEMS) return true
    const { provider, model } = this.#owner.ask.attempt
    const message = `${provider}/${model} sent more tool calls or blocks of reasoning than an answer can have.`
    this.fail(new GatewayError('UPSTREAM_LIMIT', message, { fallback: true, provider, model }))
    return false
  }

  #finishReason(): FinishReason {
    if (this.#reason === FinishReason.STOP && this.#toolCalls > 0) return FinishReason.TOOL_CALLS
    return this.#reason ?? FinishReason.OTHER
  }

  /** What the vendor reports; where it reports nothing, or nonsense, what can be counted here. */
  #finalUsage(): Usage {
    const usage = this.#usage
    if (usage && !usage.estimated) return withTotal(usage)
    const input = usage?.input ?? promptTokens(this.#owner.ask.request)
    const output = usage?.output ?? textTokens(this.#said)
    return { $typeName: 'llmgateway.v1.Usage', ...usage, input, output, total: input + output, estimated: true }
  }
}
