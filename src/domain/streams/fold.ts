import {
  type ChatEvent,
  type ChatResponse,
  type CompleteResponse,
  type EmbedResponse,
  type FinishEvent,
  FinishReason,
  type Message,
  Role,
} from '../types.ts'
import type { EventStream } from './event-stream.ts'
import { type EmbedEvent, type EmbedFinish, emptyMessage } from './events.ts'

/** Assembles a chat's response from its events. */
export function foldChat(events: EventStream<ChatEvent>): Promise<ChatResponse> {
  const message = emptyMessage(Role.ASSISTANT)
  const response: ChatResponse = {
    $typeName: 'llmgateway.v1.ChatResponse',
    id: '',
    message,
    finishReason: FinishReason.UNSPECIFIED,
    rawFinishReason: '',
  }
  return consume(
    events,
    (event) => addToResponse(response, message, event),
    () => response,
  )
}

function addToResponse(response: ChatResponse, message: Message, { event }: ChatEvent): void {
  switch (event.case) {
    case 'start':
      response.id = event.value.id
      break
    case 'reset':
      Object.assign(message, emptyMessage(Role.ASSISTANT))
      break
    case 'finish':
      if (message.parts.length > 0) addTextPart(message)
      addFinish(response, event.value)
      break
    default:
      addToMessage(message, event)
  }
}

function addFinish(response: ChatResponse | CompleteResponse, finish: FinishEvent): void {
  const { finishReason, rawFinishReason, usage, cost, route } = finish
  response.finishReason = finishReason
  response.rawFinishReason = rawFinishReason
  if (usage) response.usage = usage
  if (cost) response.cost = cost
  if (route) response.route = route
}

/** Assembles a completion from its events. */
export function foldComplete(events: EventStream<ChatEvent>): Promise<CompleteResponse> {
  const response: CompleteResponse = {
    $typeName: 'llmgateway.v1.CompleteResponse',
    id: '',
    text: '',
    finishReason: FinishReason.UNSPECIFIED,
    rawFinishReason: '',
  }
  const take = ({ event }: ChatEvent) => {
    if (event.case === 'start') response.id = event.value.id
    else if (event.case === 'text') response.text += event.value.text
    else if (event.case === 'reset') response.text = ''
    else if (event.case === 'finish') addFinish(response, event.value)
  }
  return consume(events, take, () => response)
}

function addToMessage(message: Message, event: ChatEvent['event']): void {
  switch (event.case) {
    case 'text':
      message.content += event.value.text
      if (event.value.signature) addTextPart(message, event.value.signature)
      break
    case 'reasoning': {
      const { index, text, signature, redacted } = event.value
      const block = at(message.reasoning, index, emptyReasoning)
      block.text += text
      block.signature += signature
      block.redacted += redacted
      break
    }
    case 'toolCall': {
      const { index, id, name, arguments: text, signature } = event.value
      const call = at(message.toolCalls, index, emptyToolCall)
      call.id ||= id
      call.name ||= name
      call.arguments += text
      call.signature ||= signature
      break
    }
    case 'refusal':
      message.refusal += event.value.text
      break
    case 'part':
      addTextPart(message)
      if (event.value.part) message.parts.push(event.value.part)
      break
    case 'citation':
      if (event.value.citation) message.citations.push(event.value.citation)
      break
  }
}

/** When a response has more than plain text, its text also stands among its parts, in order. */
function addTextPart(message: Message, signature = ''): void {
  let reported = 0
  for (const { content } of message.parts) reported += content.case === 'text' ? content.value.length : 0
  const text = message.content.slice(reported)
  if (text === '' && signature === '') return
  message.parts.push({ $typeName: 'llmgateway.v1.Part', content: { case: 'text', value: text }, signature })
}

/** Assembles an embedding response, vectors in the order of the inputs. `id` is the id of the call, unless its events have another. */
export function foldEmbed(events: EventStream<EmbedEvent>, id = ''): Promise<EmbedResponse> {
  const response: EmbedResponse = { $typeName: 'llmgateway.v1.EmbedResponse', embeddings: [], id }
  let finish: EmbedFinish | undefined
  return consume(
    events,
    ({ event }) => {
      if (event.case === 'finish') finish = event.value
      else for (const embedding of event.value) response.embeddings[embedding.index] = embedding
    },
    () => {
      if (finish?.id !== undefined) response.id = finish.id
      if (finish?.usage) response.usage = finish.usage
      if (finish?.cost) response.cost = finish.cost
      if (finish?.route) response.route = finish.route
      return response
    },
  )
}

function consume<E, R>(events: EventStream<E>, take: (event: E) => void, result: () => R): Promise<R> {
  return new Promise((resolve, reject) => {
    events.read({
      event(event) {
        take(event)
        return true
      },
      end(error) {
        if (error) reject(error)
        else resolve(result())
      },
    })
  })
}

/** Indices arrive in order and without gaps; the producer of the events ensures that. */
function at<T>(list: T[], index: number, make: () => T): T {
  let item = list[index]
  if (!item) {
    item = make()
    list[index] = item
  }
  return item
}

function emptyReasoning() {
  return { $typeName: 'llmgateway.v1.Reasoning' as const, text: '', signature: '', redacted: '' }
}

function emptyToolCall() {
  return { $typeName: 'llmgateway.v1.ToolCall' as const, id: '', name: '', arguments: '', signature: '' }
}
