import type { AnyRequest, Call, CallContext, Caller, Defaults, Timeouts } from '../call.ts'
import type { AttemptRecord } from '../call-record.ts'
import type { EventStream, Watcher } from '../event-stream.ts'
import type { AnyEvent, EmbedEvent } from '../events.ts'
import type { LimitKind, LimitScope, LimitStatus, Quota } from '../limits.ts'
import type { ModelPrice } from '../money.ts'
import type { BreakerState, Capability, ChatEvent, ChatRequest, EmbedRequest, StatsResponse } from '../types.ts'
import type { KeyPool } from './keys.ts'

/** One attempt's question to a provider. */
export interface Ask<R extends AnyRequest> {
  readonly request: R
  readonly model: string
  readonly defaults: Defaults
  readonly context: CallContext
  /** Whether the caller wants the answer as it is made. */
  readonly stream: boolean
  /** When the first meaningful event must be in hand, on the monotonic clock, in ms. */
  readonly firstEventBy: number
  /** In place of the provider's own. */
  readonly timeout?: Partial<Timeouts> | undefined
  /** Names the key to use, if it matters which. To be filled with the status; ended by the provider when the answer is complete. */
  readonly attempt: AttemptRecord
  /** W3C trace context for the upstream; undefined when the call is not traced. */
  readonly traceparent: string | undefined
}

/** A configured provider. */
export interface Provider {
  readonly name: string
  /** Other names that calls may give it; another provider's own name goes first. */
  readonly alsoKnownAs?: readonly string[]
  readonly kind: string
  readonly baseUrl: string
  /** Its vendor's name in OpenTelemetry's conventions. */
  readonly genAiName: string
  /** The model of chats that name only the provider. */
  readonly defaultModel: string | undefined
  /** The same for embeddings. */
  readonly defaultEmbedModel: string | undefined
  readonly capabilities: readonly Capability[]
  readonly keyIds: readonly string[]
  /** Which of its keys can be used; undefined for a provider that never needs one. */
  readonly keys?: KeyPool
  /** Settles when the first meaningful event is in hand; the last event of a complete answer is `finish`. */
  chat(ask: Ask<ChatRequest>): Promise<EventStream<ChatEvent>>
  embed(ask: Ask<EmbedRequest>): Promise<EventStream<EmbedEvent>>
  /** Whether it runs on the operator's own machines: then it has the models that it lists and no others. */
  readonly local?: boolean
  /** Whether nobody has asked for it: it is expected at its usual address, and may not be there. */
  readonly assumed?: boolean
  /** The vendor's model ids. Costs nothing. Fails after `timeout` ms. */
  listModels(timeout: number): Promise<readonly string[]>
  /** Model ids that are known without asking. */
  catalogue(): readonly string[]
  /** What is known of a model without asking. */
  describe(model: string): ModelFacts
  /** Lets go of its connections. */
  close(): Promise<void>
}

export interface ModelFacts {
  readonly price?: ModelPrice | undefined
  /** In tokens. */
  readonly contextWindow?: number | undefined
}

/** Tells who calls. */
export interface Authenticator {
  /** Throws UNAUTHENTICATED, with the same text whatever was wrong. */
  identify(context: CallContext): Caller | Promise<Caller>
}

/** Records calls. */
export interface Telemetry {
  /** A call has begun. */
  begin(call: Call): CallTelemetry
}

/** Records one call, to its ending. */
export interface CallTelemetry extends Watcher<AnyEvent> {
  /** An attempt has begun. */
  attempt(attempt: AttemptRecord): AttemptTelemetry
}

/** Records one attempt, to its ending. */
export interface AttemptTelemetry extends Watcher<AnyEvent> {
  /** W3C trace context for the upstream; undefined when the call is not traced. */
  readonly traceparent: string | undefined
}

/** Tells which targets are left out because they keep failing. */
export interface Breakers {
  /** Of a provider's model, or the worst of all its models. */
  stateOf(provider: string, model?: string): BreakerState
  /** Has every change told to `listener`, which must not throw. */
  onChange(listener: (change: BreakerChange) => void): void
}

export interface BreakerChange {
  readonly provider: string
  readonly model: string
  readonly state: BreakerState
  /** How long calls are refused until one may try again, in ms; 0 unless it has opened. */
  readonly coolDown: number
}

/** Tells what has been counted. */
export interface StatsSource {
  /** The counters since the start of the process or the last reset. */
  snapshot(): StatsResponse
  /** Lets the counters begin anew; those of the metrics go on. */
  reset(): void
  /** The last attempt at a provider that told how it is, so none that was cancelled; undefined before the first. */
  lastAttempt(provider: string): LastAttempt | undefined
}

/** How a provider answered last. */
export interface LastAttempt {
  /** Whether it did its part: it answered, or refused what was the caller's fault. */
  readonly ok: boolean
  /** When it ended, on the monotonic clock, in ms. */
  readonly at: number
  /** To its first meaningful event or its whole answer, in ms. */
  readonly latency: number
  /** Why it failed; empty when it did not. */
  readonly reason: string
  /** What went wrong and what to do, for operators; empty when it did not fail. */
  readonly message: string
}

/** How a part of the gateway is that calls can do without. */
export interface ComponentState {
  readonly name: string
  readonly healthy: boolean
  /** Why it is not healthy; empty when it is. */
  readonly message: string
}

export type Argument = string | Buffer | number

/** A script that the store runs in one step. */
export interface Script {
  readonly lua: string
  /** SHA-1 of `lua` in hex, by which the store knows it. */
  readonly sha: string
}

/**
 * What the replicas of a gateway share. No call fails because of it: a command that gets no good answer, within a
 * fraction of a second, or at once while the store is known to be in trouble, is answered with undefined. Never rejects.
 */
export interface SharedStore {
  /** False from the first sign of trouble until the store is well again. */
  readonly available: boolean
  /** Texts in replies come as bytes. What is not there is null. */
  send(command: string, args: readonly Argument[]): Promise<unknown>
  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown>
  state(): ComponentState
}

/** Counts calls against limits. */
export interface Limiter {
  /**
   * Counts a call against all `quotas`, or, where one is reached and limits are `enforced`, against none. `id` is the
   * call's own: with the same one it is counted once. `tokens` is what the call may use. Throws or rejects with
   * LIMITS_UNAVAILABLE only.
   */
  reserve(id: string, quotas: readonly Quota[], tokens: number, enforced: boolean): Reservation | Promise<Reservation>
  /** Lets go of its timers. */
  close?(): void
}

/** What a call has been counted for. */
export interface Reservation {
  /** The limit that is reached. */
  readonly refusal: LimitStatus | undefined
  /** The limit that is nearest, this call counted. */
  readonly limitStatus: LimitStatus | undefined
  /** The call has ended and has used so many tokens; undefined leaves what was reserved. The first time counts. */
  settle(tokens: number | undefined): void
}

/** Records what limits do. It must not throw. */
export interface LimitObserver {
  /** A limit was reached. */
  reached(scope: LimitScope, kind: LimitKind, enforced: boolean): void
}

/** Tells of the safety locks. */
export interface SafetyLockSource {
  states(): readonly LockState[]
}

/** The safety lock of one provider. */
export interface LockState {
  readonly provider: string
  /** Where its calls go while it is locked, as `provider/model`. */
  readonly target: string
  /** Whether it is rate limited with no key left, for one model at least. */
  readonly locked: boolean
  /** How many calls went there. */
  readonly diverted: number
}
