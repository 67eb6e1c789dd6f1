import type {
  ChatEvent,
  Citation,
  CompleteEvent,
  Cost,
  Embedding,
  FinishEvent,
  FinishReason,
  Message,
  Part,
  Reasoning,
  ResetEvent,
  Route,
  StartEvent,
  ToolCall,
  Usage,
} from '../types.ts'

/** Event of an embedding call: vectors in any order, then the finish. Never sent to clients. */
export interface EmbedEvent {
  readonly event:
    | { readonly case: 'embeddings'; readonly value: readonly Embedding[] }
    | { readonly case: 'finish'; readonly value: EmbedFinish }
}

export interface EmbedFinish {
  /** Id of the call that was answered so first, where that is another one. Responses of chats have it in their start. */
  readonly id?: string | undefined
  readonly usage?: Usage | undefined
  readonly cost?: Cost | undefined
  readonly route?: Route | undefined
}

/** Event of any call. Every complete stream ends in a `finish` with usage, cost and route. */
export type AnyEvent = ChatEvent | EmbedEvent

/** The parts of a `finish` that every call has. */
export function finishOf(event: AnyEvent): EmbedFinish | undefined {
  return event.event.case === 'finish' ? event.event.value : undefined
}

/*
 * Literals, because `create()` costs several times as much and an event is made for every token.
 */

export function startEvent(id: string, route: Route | undefined): ChatEvent {
  const value: StartEvent = { $typeName: 'llmgateway.v1.StartEvent', id }
  if (route) value.route = route
  return chatEvent({ case: 'start', value })
}

export function textEvent(text: string, signature = ''): ChatEvent {
  return chatEvent({ case: 'text', value: { $typeName: 'llmgateway.v1.TextEvent', text, signature } })
}

export function reasoningEvent(index: number, { text, signature, redacted }: ReasoningPiece): ChatEvent {
  const value = {
    $typeName: 'llmgateway.v1.ReasoningEvent',
    index,
    text: text ?? '',
    signature: signature ?? '',
    redacted: redacted ?? '',
  } as const
  return chatEvent({ case: 'reasoning', value })
}
export type ReasoningPiece = Partial<Pick<Reasoning, 'text' | 'signature' | 'redacted'>>

export function toolCallEvent(index: number, { id, name, arguments: text, signature }: ToolCallPiece): ChatEvent {
  const value = {
    $typeName: 'llmgateway.v1.ToolCallEvent',
    index,
    id: id ?? '',
    name: name ?? '',
    arguments: text ?? '',
    signature: signature ?? '',
  } as const
  return chatEvent({ case: 'toolCall', value })
}
export type ToolCallPiece = Partial<Pick<ToolCall, 'id' | 'name' | 'arguments' | 'signature'>>

export function refusalEvent(text: string): ChatEvent {
  return chatEvent({ case: 'refusal', value: { $typeName: 'llmgateway.v1.RefusalEvent', text } })
}

export function partEvent(part: Part): ChatEvent {
  return chatEvent({ case: 'part', value: { $typeName: 'llmgateway.v1.PartEvent', part } })
}

export function citationEvent(citation: Citation): ChatEvent {
  return chatEvent({ case: 'citation', value: { $typeName: 'llmgateway.v1.CitationEvent', citation } })
}

/** Everything since the start is void: another target starts over. */
export function resetEvent(route: Route | undefined): ChatEvent {
  const value: ResetEvent = { $typeName: 'llmgateway.v1.ResetEvent' }
  if (route) value.route = route
  return chatEvent({ case: 'reset', value })
}

/** Made by the servers; policies never see one. */
export function heartbeatEvent(): ChatEvent {
  return chatEvent({ case: 'heartbeat', value: { $typeName: 'llmgateway.v1.HeartbeatEvent' } })
}

export interface ChatFinish extends EmbedFinish {
  readonly finishReason: FinishReason
  /** The vendor's own value, empty when it gave none. */
  readonly rawFinishReason: string
}

export function finishEvent({ finishReason, rawFinishReason, usage, cost, route }: ChatFinish): ChatEvent {
  const value: FinishEvent = { $typeName: 'llmgateway.v1.FinishEvent', finishReason, rawFinishReason }
  if (usage) value.usage = usage
  if (cost) value.cost = cost
  if (route) value.route = route
  return chatEvent({ case: 'finish', value })
}

function chatEvent(event: ChatEvent['event']): ChatEvent {
  return { $typeName: 'llmgateway.v1.ChatEvent', event }
}

/** A text event of a chat as the event of a completion, of which a client gets no others. */
export function completeEvent({ event }: ChatEvent): CompleteEvent {
  switch (event.case) {
    case 'start':
    case 'text':
    case 'heartbeat':
    case 'reset':
    case 'finish':
      return { $typeName: 'llmgateway.v1.CompleteEvent', event }
    default:
      throw new Error(`a completion has no event ${event.case}`)
  }
}

/** A message without content. */
export function emptyMessage(role: Message['role']): Message {
  return {
    $typeName: 'llmgateway.v1.Message',
    role,
    content: '',
    parts: [],
    reasoning: [],
    toolCalls: [],
    toolCallId: '',
    name: '',
    refusal: '',
    citations: [],
  }
}
