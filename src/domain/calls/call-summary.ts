import type { GatewayError } from '../errors/error.ts'
import { dollars } from '../money.ts'
import type { EmbedFinish } from '../streams/events.ts'
import type { FinishEvent, FinishReason, Usage } from '../types.ts'
import type { Call, Operation } from './call.ts'
import type { AttemptRecord, CallRecord } from './call-record.ts'
import { chargedSum } from './charged-sum.ts'

/** The last event of a complete response. */
export type Finish = FinishEvent | EmbedFinish

/** A call that has ended. Made once per call and read by everything that records calls. Durations in ms. */
export interface CallSummary {
  readonly requestId: string
  /** Trace that the call belongs to; undefined when it belongs to none. */
  readonly traceId: string | undefined
  readonly operation: Operation
  /** Empty when the caller was not identified. */
  readonly caller: string
  readonly peer: string
  readonly userId: string
  readonly sessionId: string
  readonly labels: Readonly<Record<string, string>>
  /** Provider that answered or was asked last; empty when none was. */
  readonly provider: string
  /** Model that answered or was asked last; the requested one when none was. */
  readonly model: string
  /** Whether the response came from the cache. */
  readonly cached: boolean
  /** Whether the response is that of an earlier call with the same idempotency key. */
  readonly replayed: boolean
  /** Whether a target other than the first one planned was tried. */
  readonly fallbackUsed: boolean
  /** Undefined when the call succeeded. */
  readonly error: GatewayError | undefined
  /** Undefined for embeddings, and when the response is not complete. */
  readonly finishReason: FinishReason | undefined
  /** Usage of all attempts that are charged to the call, reported or estimated. */
  readonly usage: Usage | undefined
  /** Cost of the same attempts; undefined when nothing is charged, or no price is known. */
  readonly costUsd: number | undefined
  /** In the order in which they began. */
  readonly attempts: readonly AttemptRecord[]
  /** From arrival to ending. */
  readonly latency: number
  /** From arrival to the first meaningful event of a streamed call. */
  readonly timeToFirstToken: number | undefined
  /** Time not spent waiting for providers or in queues; for a streamed call, until its first meaningful event. */
  readonly overhead: number
}

/** What is known about a call when it ends. Times on the monotonic clock, in ms. */
export interface EndingCall {
  readonly call: Call
  readonly traceId: string | undefined
  readonly finish: Finish | undefined
  /** When the caller received the first meaningful event of a streamed call. */
  readonly firstEventAt: number | undefined
  /** Total time spent waiting for providers and in queues. */
  readonly waited: number
}

export function summarize(ending: EndingCall, now: number, error: GatewayError | undefined): CallSummary {
  const { call, finish, firstEventAt } = ending
  const { request, context, operation } = call
  const { record, requestId, peer } = context
  const { attempts, arrivedAt } = record
  const cached = finish?.route?.cached ? finish.route : undefined
  const asked = cached ?? (record.replayed ? finish?.route : undefined) ?? attempts.at(-1)
  const latency = now - arrivedAt
  const timeToFirstToken = firstEventAt === undefined ? undefined : firstEventAt - arrivedAt
  return {
    requestId,
    traceId: ending.traceId,
    operation,
    caller: record.caller,
    peer,
    userId: request.userId,
    sessionId: request.sessionId,
    labels: request.labels,
    provider: asked ? asked.provider : '',
    model: asked ? asked.model : request.model,
    cached: cached !== undefined,
    replayed: record.replayed,
    fallbackUsed: record.fallbackUsed,
    error,
    finishReason: finish && 'finishReason' in finish ? finish.finishReason : undefined,
    ...charges(record, finish),
    attempts,
    latency,
    timeToFirstToken,
    overhead: Math.max(0, (timeToFirstToken ?? latency) - ending.waited),
  }
}

/**
 * What the attempts of a call are charged. A call that does not pay has the usage and cost of its response; one that is
 * answered with an earlier result costs nothing.
 */
function charges(record: CallRecord, finish: Finish | undefined): Pick<CallSummary, 'usage' | 'costUsd'> {
  if (record.replayed) return { usage: finish?.usage, costUsd: 0 }
  if (record.takenOver) {
    const { usage, cost } = record.takenOver
    return { usage, costUsd: cost && dollars(cost.input + cost.output) }
  }
  const pays = record.pays && !finish?.route?.cached
  const charged = pays ? chargedSum(record.chargedAttempts()) : undefined
  if (charged) return { usage: charged.usage, costUsd: charged.cost && dollars(charged.cost) }
  return { usage: finish?.usage ?? (pays ? record.usage() : undefined), costUsd: finish?.cost?.usd }
}
