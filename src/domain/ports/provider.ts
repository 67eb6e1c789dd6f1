import type { AnyRequest, CallContext, Defaults, Timeouts } from '../calls/call.ts'
import type { AttemptRecord } from '../calls/call-record.ts'
import type { Cancellation } from '../cancellation.ts'
import type { GatewayError } from '../errors/error.ts'
import type { ModelPrice } from '../money.ts'
import type { EventStream } from '../streams/event-stream.ts'
import type { EmbedEvent } from '../streams/events.ts'
import type { MediaRule } from '../tokens/media.ts'
import type { Capability, ChatEvent, ChatRequest, CompleteRequest, Cost, EmbedRequest, Usage } from '../types.ts'
import type { KeyPool } from './keys.ts'
import type { ModelPuller } from './model-puller.ts'

/** One attempt's request to a provider. */
export interface Ask<R extends AnyRequest> {
  readonly request: R
  readonly model: string
  readonly defaults: Defaults
  readonly context: CallContext
  /** Whether the caller wants the response while it is generated. */
  readonly streamed: boolean
  /** Whether a field that the target cannot carry is an error instead of being left out. */
  readonly strict: boolean
  /** Latest time for the first meaningful event, on the monotonic clock, in ms. */
  readonly firstEventBy: number
  /** Whether that is a share of the caller's own deadline: to miss it says nothing about the provider. */
  readonly isShare?: boolean | undefined
  /** To be awaited before each request but the first; undefined where the provider's requests are not limited. */
  readonly countRequest?: (() => Promise<void>) | undefined
  /** Learns of each request of an attempt that may need several. */
  readonly requests?: RequestObserver | undefined
  /** Overrides the provider's timeouts. */
  readonly timeout?: Partial<Timeouts> | undefined
  /**
   * Names the key to use, if it matters which. The provider sets the status, and ends it when the response is complete.
   */
  readonly attempt: AttemptRecord
  /** W3C trace context for the upstream; undefined when the call is not traced. */
  readonly traceparent: string | undefined
}

/** Learns of the requests of an attempt one by one. */
export interface RequestObserver {
  /** To be awaited before a request with these inputs is sent. Rejects when it must not be sent. */
  begin(inputs: readonly string[]): Promise<ObservedRequest>
}

/** One of the methods is called once. */
export interface ObservedRequest {
  answered(usage: Usage, cost: Cost | undefined): void
  failed(error: GatewayError, progress: RequestProgress): void
}

/** How far a request came that failed. */
export interface RequestProgress {
  /** Whether it was written to a connection. */
  readonly sent: boolean
  /** HTTP status of the reply, if there is one. */
  readonly status: number | undefined
  /** Whether it was cancelled, by the caller or because another request of the attempt failed. */
  readonly isCancelled: boolean
}

/**
 * What a vendor does when a stream is cancelled: stops generating, or runs on and charges for all of it.
 * https://openrouter.ai/docs/api-reference/streaming#stream-cancellation, as of 2026-11
 */
export type OnCancel = 'stops' | 'runs_on'

/** A configured provider. */
export interface Provider {
  readonly name: string
  /** Other names that calls may use for it. A name that another provider is configured with means that provider. */
  readonly alsoKnownAs?: readonly string[]
  readonly kind: string
  readonly baseUrl: string
  /** Its vendor's name in OpenTelemetry's conventions. */
  readonly genAiName: string
  /** Model of chats that name only the provider. */
  readonly defaultModel: string | undefined
  /** Model of embeddings that name only the provider. */
  readonly defaultEmbedModel: string | undefined
  readonly capabilities: readonly Capability[]
  readonly keyIds: readonly string[]
  /** Which of its keys can be used; undefined for a provider that never needs one. */
  readonly keys?: KeyPool
  /** Settles when the first meaningful event is in hand; the last event of a complete response is `finish`. */
  chat(ask: Ask<ChatRequest>): Promise<EventStream<ChatEvent>>
  /** As `chat`. Of the events of a chat, only the text comes. */
  complete(ask: Ask<CompleteRequest>): Promise<EventStream<ChatEvent>>
  embed(ask: Ask<EmbedRequest>): Promise<EventStream<EmbedEvent>>
  /** Whether it runs on the operator's own machines: then it has the models that it lists and no others. */
  readonly local?: boolean
  /** Whether it is not configured but expected at its usual address, where it may be missing. */
  readonly assumed?: boolean
  /** Whether the vendor stops generating, and charging, when a stream is cancelled. Default: `stops`. */
  readonly onCancel?: OnCancel
  /** The vendor's model ids. Costs nothing. Fails after `timeout` ms. */
  listModels(timeout: number): Promise<readonly string[]>
  /**
   * The vendor's own count of a chat's input tokens, which costs nothing; undefined where the vendor offers none.
   * Rejects when the vendor fails.
   */
  countTokens?(request: ChatRequest, target: CountTarget, options: CountOptions): Promise<number | undefined>
  /** Model ids that are known without a request. */
  catalogue(): readonly string[]
  /** Facts about a model that are known without a request. */
  describe(model: string): ModelFacts
  /** The context window that a request's own `provider_options` ask for, in tokens; undefined where they do not. */
  windowFor?(request: AnyRequest): number | undefined
  /** Whether the response of a call that waits for all of it is read while it is generated. */
  readonly streamsUnary?: boolean
  /** Undefined for a provider that cannot download models. */
  readonly puller?: ModelPuller
  /** Closes its connections. */
  close(): Promise<void>
}

/** For what tokens are counted. */
export interface CountTarget {
  readonly model: string
  readonly defaults: Defaults
}

export interface CountOptions {
  /** In ms. */
  readonly timeout: number
  readonly cancellation: Cancellation
}

/** Whether a model reasons out of sight: in every call that does not turn it off, or in those that ask for it. */
export type HiddenReasoning = 'by default' | 'when asked'

export interface ModelFacts {
  readonly price?: ModelPrice | undefined
  /** In tokens. */
  readonly contextWindow?: number | undefined
  /** The most output tokens of one response, where it is known. */
  readonly maxOutput?: number | undefined
  /** When the vendor bills reasoning that it does not show; undefined where it never does. */
  readonly hiddenReasoning?: HiddenReasoning | undefined
  /** How the vendor counts images, sounds and files; undefined where nothing is known of that. */
  readonly mediaTokens?: MediaRule | undefined
  /** What the model can do, where that is less than what its provider can. */
  readonly capabilities?: readonly Capability[] | undefined
  /** Whether the vendor continues texts with it at an endpoint of its own; false where a chat stands in for that. */
  readonly completes?: boolean | undefined
}
