import { create } from '@bufbuild/protobuf'
import { Cancellation } from '../../src/domain/cancellation.ts'
import { EventStream } from '../../src/domain/streams/event-stream.ts'
import { foldChat } from '../../src/domain/streams/fold.ts'
import {
  type ChatEvent,
  ChatRequestSchema,
  type ChatResponse,
  ChatResponseSchema,
  CompleteRequestSchema,
  type CompleteResponse,
  EmbedRequestSchema,
  type EnsureModelProgress,
  Role,
} from '../../src/domain/types.ts'
import { type Case, modelIds } from './cases.ts'
import type { ConformanceClient, RpcError, StreamResult } from './client.ts'

/** What the gateway made of a recorded reply. */
export interface Outcome {
  /** Complete, or as far as it came before the error. */
  readonly chat?: ChatResponse
  readonly vectors?: readonly (readonly number[])[]
  readonly models?: readonly string[]
  readonly pulled?: readonly EnsureModelProgress[]
  readonly usage?: ChatResponse['usage']
  readonly responseModel?: string
  readonly error?: RpcError
}

type Ask = (client: ConformanceClient, provider: string, recorded: Case) => Promise<Outcome>

/** The call that a case was recorded from; undefined where the gateway has none like it. */
export function askFor({ api, request, reply, expected }: Case): Ask | undefined {
  if (expected.result === 'models') return listModels
  if (expected.result === 'count_tokens') return undefined
  if (api === 'pull') return pull
  if (api === 'embeddings') return embed
  if (textApis.includes(api)) return reply.streamed || request['stream'] === true ? streamComplete : complete
  return reply.streamed || request['stream'] === true ? streamChat : chat
}

async function chat(client: ConformanceClient, provider: string, recorded: Case): Promise<Outcome> {
  const result = await client.chat(questionFor(provider, recorded))
  return 'error' in result ? result : answered(result.value)
}

async function streamChat(client: ConformanceClient, provider: string, recorded: Case): Promise<Outcome> {
  const result = await client.streamChat(questionFor(provider, recorded))
  if (!result.error && result.events.at(-1)?.event.case !== 'finish')
    throw new Error('status OK without a finish event')
  const response = await fold(result)
  return { ...answered(response), ...(result.error && { error: result.error }) }
}

async function pull(client: ConformanceClient, provider: string, recorded: Case): Promise<Outcome> {
  const { events, error } = await client.ensureModel(provider, modelOf(recorded))
  return error ? { error } : { pulled: events }
}

/** The vendors' endpoints for text completion. */
const textApis: readonly string[] = ['completions', 'fim', 'generate']

async function complete(client: ConformanceClient, provider: string, recorded: Case): Promise<Outcome> {
  const result = await client.complete(promptFor(provider, recorded))
  return 'error' in result ? result : answered(asChat(result.value))
}

async function streamComplete(client: ConformanceClient, provider: string, recorded: Case): Promise<Outcome> {
  const { events, error } = await client.streamComplete(promptFor(provider, recorded))
  if (!error && events.at(-1)?.event.case !== 'finish') throw new Error('status OK without a finish event')
  // Their events are those of a chat, as far as they go.
  const response = await fold({ events: events as unknown as ChatEvent[], error })
  return { ...answered(response), ...(error && { error }) }
}

function promptFor(provider: string, recorded: Case) {
  const { suffix } = recorded.request
  return create(CompleteRequestSchema, {
    provider,
    model: modelOf(recorded),
    prompt: 'What was recorded',
    ...(typeof suffix === 'string' && { suffix }),
  })
}

/** A completion, to be compared like a chat that says nothing but its text. */
function asChat({ $typeName: _type, text, ...rest }: CompleteResponse): ChatResponse {
  return create(ChatResponseSchema, { ...rest, message: { content: text } })
}

async function embed(client: ConformanceClient, provider: string, recorded: Case): Promise<Outcome> {
  const inputs = Array.from({ length: recorded.expected.embeddings?.count ?? 1 }, (_, index) => `input ${index}`)
  const request = create(EmbedRequestSchema, { provider, model: modelOf(recorded), inputs })
  const result = await client.embed(request)
  if ('error' in result) return result
  const { embeddings, usage, route } = result.value
  const outOfOrder = embeddings.findIndex((embedding, index) => embedding.index !== index)
  if (outOfOrder >= 0) throw new Error(`vector ${outOfOrder} is not at its place`)
  return { vectors: embeddings.map(({ values }) => values), usage, responseModel: route?.responseModel ?? '' }
}

/** The gateway adds the provider's default model where the vendor does not list it. */
async function listModels(client: ConformanceClient, provider: string, { expected }: Case): Promise<Outcome> {
  const result = await client.listModels(provider)
  if ('error' in result) return result
  const { models, unavailable } = result.value
  if (unavailable.length > 0) throw new Error(`the list is not available: ${unavailable[0]?.message}`)
  const listed = modelIds(expected)
  return {
    models: models
      .filter(({ model, defaultModel }) => !defaultModel || listed.includes(model))
      .map(({ model }) => model),
  }
}

/** A small question, with the tools that the recorded answer calls. */
function questionFor(provider: string, recorded: Case) {
  const names = new Set(recorded.expected.tool_calls?.map(({ name }) => name))
  const tools = [...names].map((name) => ({ name, parameters: '{"type":"object"}' }))
  const messages = [{ role: Role.USER, content: 'What was recorded?' }]
  return create(ChatRequestSchema, { provider, model: modelOf(recorded), messages, tools })
}

function modelOf({ request, expected }: Case): string {
  return typeof request['model'] === 'string' ? request['model'] : (expected.model ?? 'model')
}

function answered(response: ChatResponse): Outcome {
  return { chat: response, usage: response.usage, responseModel: response.route?.responseModel ?? '' }
}

/** Joins the events as any client would, those before an error too. */
function fold({ events }: StreamResult): Promise<ChatResponse> {
  const stream = new EventStream<ChatEvent>(new Cancellation(), { pause() {}, resume() {}, cancel() {} })
  for (const event of events) stream.push(event)
  stream.end()
  return foldChat(stream)
}
