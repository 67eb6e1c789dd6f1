import type { CallRecord } from './call-record.ts'
import type { Cancellation } from './cancellation.ts'
import type { RateLimits } from './limits.ts'
import type { ModelFilter } from './text/model-filter.ts'
import type { ChatRequest, EmbedRequest } from './types.ts'

/** What is asked for. Names metrics, spans and log lines. */
export type Operation = 'chat' | 'stream_chat' | 'embed'

export type AnyRequest = ChatRequest | EmbedRequest

/** What a door knows of a call. Nothing past it knows which door the call came through. */
export interface CallContext {
  /** Ours, and unique. */
  readonly requestId: string
  /** The value of `authorization`. */
  readonly credential: string | undefined
  /** When the call must have ended, on the monotonic clock, in ms. */
  readonly deadline: number
  /** Fires when the caller leaves or the deadline comes. */
  readonly cancellation: Cancellation
  /** The address of the caller. */
  readonly peer: string
  /** What is known of the call's way; told in its answer or its error. */
  readonly record: CallRecord
  /** The request's bytes as they were received, or as they would be in binary where the door speaks JSON. */
  readonly requestBytes: Uint8Array
  /** A request header by its lower-case name. */
  header(name: string): string | undefined
}

/** One call on its road. Policies add facts to it. */
export interface Call<R extends AnyRequest = AnyRequest> {
  readonly operation: Operation
  readonly request: R
  readonly context: CallContext
}

/** Who calls. */
export interface Caller {
  /** As it is configured, or the `sub` of a token. */
  readonly name: string
  readonly admin: boolean
  /** Whether nobody has asked who it is: then its address is all that is known. */
  readonly anonymous?: boolean
  /** What it may use; undefined means every model. */
  readonly models?: ModelFilter | undefined
  readonly limits?: RateLimits | undefined
}

/** Values for fields that a request leaves open. */
export interface Defaults {
  readonly temperature?: number | undefined
  readonly maxTokens?: number | undefined
}

/** How long an upstream call may take. */
export interface Timeouts {
  /** To a connection, in ms. */
  readonly connect: number
  /** To the first meaningful event of a streamed call, in ms. */
  readonly firstToken: number
  /** Between two chunks of a streamed call, in ms. */
  readonly idle: number
  /** Of a whole upstream call, in ms. */
  readonly total: number
}

/** What is done where nobody knows whether a target has processed the request: the next one is asked, or the call fails. */
export type OnUnknown = 'next' | 'fail'
