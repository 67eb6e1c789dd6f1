import type { Cancellation } from '../cancellation.ts'
import type { RateLimits } from '../limits/limits.ts'
import type { NanoDollars } from '../money.ts'
import type { ModelFilter } from '../text/model-filter.ts'
import type { NameList } from '../text/name-list.ts'
import type { ChatRequest, CompleteRequest, ContextOverflow, EmbedRequest } from '../types.ts'
import type { CallRecord } from './call-record.ts'

/**
 * A call that is served by the request pipeline. Names metrics, spans and log lines; `operations.ts` has its traits.
 */
export type Operation = 'chat' | 'stream_chat' | 'complete' | 'stream_complete' | 'embed'

/** What is asked of a model, whether the answer is streamed or not: a model may do one and not the other. */
export const tasks = ['chat', 'complete', 'embed'] as const
export type Task = (typeof tasks)[number]

/** A request for text, whose response is made of the events of a chat. */
export type TextRequest = ChatRequest | CompleteRequest

export type AnyRequest = TextRequest | EmbedRequest

/** What a server knows of a call. Nothing behind it knows which server the call came through. */
export interface CallContext {
  /** Made by the gateway, unique. */
  readonly requestId: string
  /** The value of `authorization`. */
  readonly credential: string | undefined
  /** The caller, where a server has checked its credential with the headers of the request. */
  readonly caller?: Caller | undefined
  /** When the call must have ended, on the monotonic clock, in ms. */
  readonly deadline: number
  /** Fires when the client disconnects or cancels, or when the deadline passes. */
  readonly cancellation: Cancellation
  /** The client's address. */
  readonly peer: string
  /** Whether calls that somebody waits for go first: set for the items of a batch. */
  readonly background?: boolean
  /**
   * By which repeats of the call are known; undefined for a call without. Reading it throws INVALID_REQUEST for a key that
   * must not be.
   */
  readonly idempotencyKey?: string | undefined
  /** Whether its client's connection is lost: nobody reads what it returns, although it was not cancelled. */
  readonly isLost?: boolean
  /** What happened to the call so far; reported in its response or its error. */
  readonly record: CallRecord
  /** The request's bytes as received; for JSON, the same message in binary. */
  readonly requestBytes: Uint8Array
  /** A request header by its lower-case name. */
  header(name: string): string | undefined
}

/** One call in the request pipeline. Policies add facts to it. */
export interface Call<R extends AnyRequest = AnyRequest> {
  readonly operation: Operation
  /** Whether the caller receives events as they are produced. */
  readonly streamed: boolean
  readonly request: R
  readonly wishes: Wishes
  readonly context: CallContext
}

/** What a caller asks for beside the question itself, in the same form for every operation. */
export interface Wishes {
  /** Whether a stream may start over at another target after events were sent. */
  readonly allowReset: boolean
  readonly disableFallback: boolean
  /** Whether a target that cannot carry a field is refused instead of asked without it. */
  readonly strict: boolean
  readonly fallbackModels: readonly string[]
  /** Empty when the caller names none. */
  readonly taskType: string
  readonly temperature: number | undefined
  /** Most output tokens; 0 for an operation that generates none. */
  readonly maxTokens: number | undefined
  /** The most that the call may cost, in nano-dollars. */
  readonly maxCost: NanoDollars | undefined
  /** Whether the model is asked to reason; undefined where that is left to it. */
  readonly reasoning: boolean | undefined
  /** What is done with a conversation that is too long; undefined for an operation without conversations. */
  readonly overflow: ContextOverflow | undefined
}

/** Who makes a call. */
export interface Caller {
  /** Unique, as `callerId` makes it: what is kept for each caller is kept by it. */
  readonly id: string
  /** The configured name, or the `sub` of a token. */
  readonly name: string
  readonly admin: boolean
  /** Whether authentication is off: then only the address is known. */
  readonly anonymous?: boolean
  /** The models that it may use; undefined means every model. */
  readonly models?: ModelFilter | undefined
  /** Providers, or fields of them, whose `provider_options` it may set; undefined means all. */
  readonly providerOptions?: NameList | undefined
  /** The shared namespaces of the cache that it may use; undefined means all. */
  readonly cacheNamespaces?: NameList | undefined
  readonly limits?: RateLimits | undefined
}

/** Values for fields that a request leaves open. */
export interface Defaults {
  readonly temperature?: number | undefined
  readonly maxTokens?: number | undefined
}

/** Time limits of an upstream call. */
export interface Timeouts {
  /** Until the connection is established, in ms. */
  readonly connect: number
  /** Until the first meaningful event of a streamed call, in ms. */
  readonly firstToken: number
  /** Between two chunks of a streamed call, in ms. */
  readonly idle: number
  /** For the whole upstream call, in ms. */
  readonly total: number
}

/** What happens when a target may or may not have processed the request: the next one is asked, or the call fails. */
export type OnUnknown = 'next' | 'fail'

/** What is done where a vendor refuses a request as invalid: the call fails, or one further target is asked. */
export type OnInvalid = 'fail' | 'next'
