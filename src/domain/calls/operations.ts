import { embedPromptTokens, mediaTokens, promptTokens } from '../estimate.ts'
import type { Provider } from '../ports/provider.ts'
import type { ChatRequest, EmbedRequest } from '../types.ts'
import type { AnyRequest, Operation, Task, Wishes } from './call.ts'

/**
 * What sets one operation apart from the others. Nothing else compares operations by name or looks at a request's
 * shape.
 */
export interface OperationTraits {
  /** The method of `llmgateway.v1.LlmGateway`. */
  readonly rpc: string
  /** `gen_ai.operation.name`. https://opentelemetry.io/docs/specs/semconv/gen-ai/ */
  readonly genAiName: string
  /** What is asked of the model. Keys, missing models and breakers are kept apart by it. */
  readonly task: Task
  /** Whether the caller receives events as they are produced. */
  readonly streamed: boolean
  /** Whether results of different models do not compare, so that every target must offer the same model. */
  readonly oneModel: boolean
  /** The provider's model for calls that name none. */
  defaultModel(provider: Provider): string | undefined
  wishes(request: AnyRequest): Wishes
  /** Estimated tokens of the text that is sent. */
  promptTokens(request: AnyRequest): number
  /** Estimated tokens of images, sounds and files that are sent. */
  mediaTokens(request: AnyRequest): number
}

const chat: OperationTraits = {
  rpc: 'Chat',
  genAiName: 'chat',
  task: 'chat',
  streamed: false,
  oneModel: false,
  defaultModel: (provider) => provider.defaultModel,
  wishes: ({ allowReset, disableFallback, strict, fallbackModels, taskType, temperature, maxTokens }: ChatRequest) => ({
    allowReset,
    disableFallback,
    strict,
    fallbackModels,
    taskType,
    temperature,
    maxTokens,
  }),
  promptTokens,
  mediaTokens,
}

const nothingWished: Wishes = {
  allowReset: false,
  disableFallback: false,
  strict: false,
  fallbackModels: [],
  taskType: '',
  temperature: undefined,
  maxTokens: 0,
}

export const operations: Readonly<Record<Operation, OperationTraits>> = {
  chat,
  stream_chat: { ...chat, rpc: 'StreamChat', streamed: true },
  embed: {
    rpc: 'Embed',
    genAiName: 'embeddings',
    task: 'embed',
    streamed: false,
    oneModel: true,
    defaultModel: (provider) => provider.defaultEmbedModel ?? provider.defaultModel,
    wishes: (_request: EmbedRequest) => nothingWished,
    promptTokens: embedPromptTokens,
    mediaTokens: () => 0,
  },
}

/** What `make` returns for each operation, by operation. */
export function forEachOperation<T>(make: (operation: Operation) => T): Readonly<Record<Operation, T>> {
  const names = Object.keys(operations) as Operation[] // The table has exactly these keys.
  return Object.fromEntries(names.map((name) => [name, make(name)])) as Record<Operation, T> // One entry for each.
}
