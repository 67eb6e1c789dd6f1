import type { TextRequest } from '../../domain/calls/call.ts'
import type { OperationTraits } from '../../domain/calls/operations.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import { textTokens } from '../../domain/estimate.ts'
import type { Ask, ModelFacts } from '../../domain/ports/provider.ts'
import type { EventStream } from '../../domain/streams/event-stream.ts'
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
} from '../../domain/streams/events.ts'
import { type ChatEvent, type Citation, FinishReason, type Part, type Usage } from '../../domain/types.ts'
import type { ChatSink } from '../define.ts'
import type { VendorError } from '../failures/vendor-error.ts'
import { costOfUsage, withTotal } from '../prices/usage.ts'
import { isAllZeros, mergeUsage } from './merge-usage.ts'
import { SplitCharacters } from './split-characters.ts'

/** Limit for the tool calls, and for the blocks of reasoning, of one response. */
const MAX_ITEMS = 1024

/** Channels of text, each cut by the vendor on its own. Reasoning and tool calls have one for each index. */
const TEXT = 0
const REFUSAL = 1
const reasoningChannel = (index: number) => 2 + 2 * index
const argumentsChannel = (index: number) => 3 + 2 * index

/** The call that a reply belongs to. */
export interface ChatReplyOwner {
  readonly ask: Ask<TextRequest>
  /** Traits of what the model does for it. */
  readonly traits: Pick<OperationTraits, 'textOnly' | 'promptTokens'>
  /** Known facts of a model, for the cost. */
  describe(model: string): ModelFacts
  /** Called with the first meaningful event; returns the stream that the caller receives. */
  begin(): EventStream<ChatEvent>
  /** Called when the response is complete. */
  completed(): void
  /** Called when the response failed. `begun`: whether the caller has received the stream. */
  failed(error: GatewayError, begun: boolean): void
  /** The error that a vendor's error in a reply with status 200 means. */
  readError(error: VendorError): GatewayError
}

/** Turns what a vendor says into events for the caller. The stream begins with the first meaningful event. */
export class ChatReply implements ChatSink {
  readonly #owner: ChatReplyOwner
  readonly #textOnly: boolean
  #events: EventStream<ChatEvent> | undefined
  #ended = false
  #id = ''
  #model = ''
  #reason: FinishReason | undefined
  #rawReason = ''
  #usage: Usage | undefined
  #reasoningBlocks = 0
  #toolCalls = 0
  /** Tool calls that have no arguments so far. */
  readonly #withoutArguments = new Set<number>()
  readonly #split = new SplitCharacters()
  #modelFailed = false
  /** Characters of all text, reasoning, refusals and arguments. */
  #said = 0

  constructor(owner: ChatReplyOwner) {
    this.#owner = owner
    this.#textOnly = owner.traits.textOnly
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
    const whole = this.#split.join(TEXT, text)
    const proof = this.#textOnly ? '' : signature
    if (whole === '' && proof === '') return
    this.#said += whole.length
    this.#push(textEvent(whole, proof))
  }

  reasoning(index: number, piece: ReasoningPiece): void {
    if (!this.#inOrder(index, this.#reasoningBlocks)) return
    this.#reasoningBlocks = Math.max(this.#reasoningBlocks, index + 1)
    const { signature = '', redacted = '' } = piece
    const text = this.#split.join(reasoningChannel(index), piece.text ?? '')
    if (text === '' && signature === '' && redacted === '') return
    this.#said += text.length
    if (this.#textOnly) this.#beginSilently()
    else this.#push(reasoningEvent(index, { text, signature, redacted }))
  }

  toolCall(index: number, piece: ToolCallPiece): void {
    if (this.#textOnly || !this.#inOrder(index, this.#toolCalls)) return
    const text = this.#split.join(argumentsChannel(index), piece.arguments ?? '')
    this.#said += text.length
    const isNew = index === this.#toolCalls
    if (isNew) {
      this.#toolCalls = index + 1
      this.#withoutArguments.add(index)
    }
    if (this.#withoutArguments.size > 0 && text.trim() !== '') this.#withoutArguments.delete(index)
    if (isNew) this.#push(toolCallEvent(index, { ...piece, arguments: text, id: piece.id || `call_${index}` }))
    else if (text !== '' || piece.signature) {
      this.#push(toolCallEvent(index, { arguments: text, signature: piece.signature ?? '' }))
    }
  }

  refusal(text: string): void {
    const whole = this.#split.join(REFUSAL, text)
    if (whole === '') return
    this.#said += whole.length
    this.#push(this.#textOnly ? textEvent(whole) : refusalEvent(whole))
  }

  part(part: Part): void {
    if (!this.#textOnly) this.#push(partEvent(part))
  }

  citation(citation: Citation): void {
    if (!this.#textOnly) this.#push(citationEvent(citation))
  }

  usage(usage: Usage): void {
    if (this.#ended) return
    this.#usage = mergeUsage(this.#usage, usage)
    this.#owner.ask.attempt.usage = this.#usage
  }

  warn(warning: string): void {
    const { warnings } = this.#owner.ask.attempt
    if (!warnings.includes(warning)) warnings.push(warning)
  }

  stop(reason: FinishReason, raw: string, modelFailed = reason === FinishReason.ERROR): void {
    this.#reason = reason
    this.#rawReason = raw
    this.#modelFailed = modelFailed
  }

  done(): void {
    if (this.#ended) return
    this.#finishCharacters()
    if (!this.#events && (this.#reason === undefined || this.#modelFailed)) {
      const message = 'The upstream sent an empty answer without a reason, or because its model failed.'
      this.fail(new GatewayError('UPSTREAM_MALFORMED', message, { fallback: true }))
      return
    }
    this.#finishArguments()
    const { context, attempt } = this.#owner.ask
    const usage = this.#finalUsage()
    const cost = costOfUsage(usage, attempt.model, this.#model, this.#owner.describe, this)
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
    if (this.#events) this.#finishCharacters()
    this.#ended = true
    const events = this.#events
    const { attempt } = this.#owner.ask
    if (events) attempt.usage = this.#cutUsage()
    // Decoders do not know the target.
    const named = error.at(attempt.provider, attempt.model)
    this.#owner.failed(named, events !== undefined)
    events?.end(named)
  }

  /** The caller needs no more: records the usage so far. */
  abandon(): void {
    if (this.#ended) return
    this.#ended = true
    this.#owner.ask.attempt.usage = this.#cutUsage()
  }

  failWith(error: VendorError): void {
    const reported = this.#owner.readError(error)
    // After the beginning, all failures of the vendor itself are one: the stream was cut.
    const cut = this.#events !== undefined && reported.code === 'UNAVAILABLE'
    this.fail(
      cut
        ? new GatewayError('UPSTREAM_STREAM_ERROR', reported.message, { ...reported.facts, cause: reported })
        : reported,
    )
  }

  #finishCharacters(): void {
    for (const [channel, text] of this.#split.finish()) {
      const index = Math.floor(channel / 2) - 1
      if (channel === TEXT) this.text(text)
      else if (channel === REFUSAL) this.refusal(text)
      else if (channel === reasoningChannel(index)) this.reasoning(index, { text })
      else this.toolCall(index, { arguments: text })
    }
  }

  /** A call without arguments has an empty object of them, unless the answer was cut before they came. */
  #finishArguments(): void {
    if (this.#reason === FinishReason.LENGTH) return
    for (const index of this.#withoutArguments) this.#push(toolCallEvent(index, { arguments: '{}' }))
  }

  #push(event: ChatEvent): void {
    if (!this.#ended) this.#begun().push(event)
  }

  /** The model is at work, on what the caller does not receive. */
  #beginSilently(): void {
    if (!this.#ended) this.#begun()
  }

  /** The stream of events, which begins with the first meaningful one. */
  #begun(): EventStream<ChatEvent> {
    if (this.#events) return this.#events
    const { context, attempt, streamed } = this.#owner.ask
    this.#events = this.#owner.begin()
    attempt.committed = true
    // Callers that wait for the whole response read the route at its end.
    const route = streamed ? context.record.route(attempt, this.#id, this.#model) : undefined
    this.#events.push(startEvent(context.requestId, route))
    return this.#events
  }

  /** Indices come from the vendor; a jump would leave a hole in an array, or make a huge one. */
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

  /** Usage that the vendor reports; counts that are missing or invalid are estimated. */
  #finalUsage(): Usage {
    const isReported = this.#usage && !(this.#events && isAllZeros(this.#usage))
    const usage = isReported ? this.#usage : undefined
    if (usage && !usage.estimated) return withTotal(usage)
    const input = usage?.input ?? this.#owner.traits.promptTokens(this.#owner.ask.request)
    const output = usage?.output ?? textTokens(this.#said)
    return { $typeName: 'llmgateway.v1.Usage', ...usage, input, output, total: input + output, estimated: true }
  }

  /** Usage of a response that was cut: vendors report the output at its end, so at least what was received counts. */
  #cutUsage(): Usage {
    const usage = this.#finalUsage()
    const output = textTokens(this.#said)
    if ((usage.output ?? 0) >= output) return usage
    return { ...usage, output, total: (usage.input ?? 0) + output, estimated: true }
  }
}
