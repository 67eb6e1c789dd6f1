import type { Cancellation } from './cancellation.ts'
import type { CallTelemetry, Provider } from './ports.ts'
import type { Trail } from './trail.ts'
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
  readonly trail: Trail
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
}

/** Where a call may go. */
export interface Target {
  readonly provider: Provider
  readonly model: string
  readonly defaults: Defaults
  /** The most time for an attempt at it, in ms. */
  readonly attemptTimeout?: number | undefined
}

/** Values for fields that a request leaves open. */
export interface Defaults {
  readonly temperature?: number | undefined
  readonly maxTokens?: number | undefined
}

export interface Observed {
  readonly telemetry: CallTelemetry
}

export interface Authenticated {
  readonly caller: Caller
}

export interface Planned {
  /** In the order in which they are asked; at least one. */
  readonly targets: readonly Target[]
}

export interface Routed {
  readonly target: Target
  /** When the first meaningful event must be in hand, on the monotonic clock, in ms. */
  readonly firstEventBy: number
}

/** A call with a place for every fact that a policy will add: filling a place is cheap, growing an object is not. */
export function createCall<R extends AnyRequest>(operation: Operation, request: R, context: CallContext): Call<R> {
  const call: Call<R> & { [Fact in keyof (Observed & Authenticated & Planned & Routed)]: undefined } = {
    operation,
    request,
    context,
    telemetry: undefined,
    caller: undefined,
    targets: undefined,
    target: undefined,
    firstEventBy: undefined,
  }
  return call
}
