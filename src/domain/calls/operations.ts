import { completePromptTokens, embedPromptTokens, mediaTokens, promptTokens } from '../estimate.ts'
import { type NanoDollars, nanoDollars } from '../money.ts'
import type { ModelFacts, Provider } from '../ports/provider.ts'
import { chatTokens, completeTokens, embedTokens, type InputTokens } from '../tokens/request-tokens.ts'
import { Capability, type ChatRequest, type CompleteRequest, type EmbedRequest, ReasoningEffort } from '../types.ts'
import type { AnyRequest, Operation, Task, TextRequest, Wishes } from './call.ts'

/**
 * What sets one operation apart from the others. Nothing else compares operations by name or looks at a request's
 * shape.
 */
export interface OperationTraits {
  /** The method of `llmgateway.v1.LlmGateway`. */
  readonly rpc: string
  /** Further methods that make such calls. */
  readonly alsoBy?: readonly string[]
  /** `gen_ai.operation.name`. https://opentelemetry.io/docs/specs/semconv/gen-ai/ */
  readonly genAiName: string
  /** What is asked of the model. Keys, missing models and breakers are kept apart by it. */
  readonly task: Task
  /** Whether the caller receives events as they are produced. */
  readonly streamed: boolean
  /** Whether the caller receives the text alone: no reasoning, no tool calls. */
  readonly textOnly: boolean
  /** Whether results of different models do not compare, so that every target must offer the same model. */
  readonly oneModel: boolean
  /** Whether a provider may need several requests for one attempt. */
  readonly mayBeSplit: boolean
  /** The provider's model for calls that name none. */
  defaultModel(provider: Provider): string | undefined
  wishes(request: AnyRequest): Wishes
  /** Estimated tokens of the text that is sent. */
  promptTokens(request: AnyRequest): number
  /** Estimated tokens of images, sounds and files that are sent. */
  mediaTokens(request: AnyRequest): number
  /** A closer estimate of what is sent, and a bound. Takes about 5 us for 1 KB. */
  inputTokens(request: AnyRequest): InputTokens
  /** Whether a model with these capabilities, and this knowledge of it, can be called so. */
  isOffered(capabilities: readonly Capability[], facts: ModelFacts): boolean
}

function wishesOf(request: TextRequest): Wishes {
  const { allowReset, disableFallback, strict, fallbackModels, taskType, temperature, maxTokens } = request
  const maxCost = maxCostOf(request)
  const chat = request.$typeName === 'llmgateway.v1.ChatRequest' ? request : undefined
  const reasoning = chat && asksForReasoning(chat)
  const overflow = chat?.contextOverflow
  return {
    allowReset,
    disableFallback,
    strict,
    fallbackModels,
    taskType,
    temperature,
    maxTokens,
    reasoning,
    maxCost,
    overflow,
  }
}

function maxCostOf({ maxCostUsd }: AnyRequest): NanoDollars | undefined {
  return maxCostUsd === undefined ? undefined : nanoDollars(maxCostUsd)
}

function asksForReasoning({ reasoning }: ChatRequest): boolean | undefined {
  if (!reasoning?.amount.case) return undefined
  const { amount } = reasoning
  return amount.case === 'budgetTokens' ? amount.value > 0 : amount.value !== ReasoningEffort.NONE
}

const chat: OperationTraits = {
  rpc: 'Chat',
  genAiName: 'chat',
  task: 'chat',
  streamed: false,
  textOnly: false,
  oneModel: false,
  mayBeSplit: false,
  defaultModel: (provider) => provider.defaultModel,
  wishes: wishesOf,
  promptTokens,
  mediaTokens,
  inputTokens: chatTokens,
  isOffered: (capabilities) => capabilities.includes(Capability.CHAT),
}

const complete: OperationTraits = {
  rpc: 'Complete',
  genAiName: 'text_completion',
  task: 'complete',
  streamed: false,
  textOnly: true,
  oneModel: false,
  mayBeSplit: false,
  defaultModel: (provider) => provider.defaultModel,
  wishes: wishesOf,
  promptTokens: (request: CompleteRequest) => completePromptTokens(request),
  mediaTokens: () => 0,
  inputTokens: completeTokens,
  isOffered: (capabilities, { completes }) => completes === true || capabilities.includes(Capability.CHAT),
}

const nothingWished: Wishes = {
  allowReset: false,
  disableFallback: false,
  strict: false,
  fallbackModels: [],
  taskType: '',
  temperature: undefined,
  maxTokens: 0,
  reasoning: undefined,
  maxCost: undefined,
  overflow: undefined,
}

export const operations: Readonly<Record<Operation, OperationTraits>> = {
  chat,
  stream_chat: { ...chat, rpc: 'StreamChat', alsoBy: ['BatchChat'], streamed: true },
  complete,
  stream_complete: { ...complete, rpc: 'StreamComplete', streamed: true },
  embed: {
    rpc: 'Embed',
    genAiName: 'embeddings',
    task: 'embed',
    streamed: false,
    textOnly: false,
    oneModel: true,
    mayBeSplit: true,
    defaultModel: (provider) => provider.defaultEmbedModel ?? provider.defaultModel,
    wishes: (request: EmbedRequest) =>
      request.maxCostUsd === undefined ? nothingWished : { ...nothingWished, maxCost: maxCostOf(request) },
    promptTokens: embedPromptTokens,
    mediaTokens: () => 0,
    isOffered: (capabilities) => capabilities.includes(Capability.EMBED),
    inputTokens: embedTokens,
  },
}

/** What `make` returns for each operation, by operation. */
export function forEachOperation<T>(make: (operation: Operation) => T): Readonly<Record<Operation, T>> {
  const names = Object.keys(operations) as Operation[] // The table has exactly these keys.
  return Object.fromEntries(names.map((name) => [name, make(name)])) as Record<Operation, T> // One entry for each.
}
