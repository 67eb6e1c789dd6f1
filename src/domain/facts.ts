import type { AnyRequest, Call, CallContext, Caller, Defaults, OnUnknown, Operation, Timeouts } from './call.ts'
import type { KeyLease } from './ports/keys.ts'
import type { Provider } from './ports/provider.ts'
import type { CallTelemetry } from './ports/telemetry.ts'

/*
 * What policies find out about a call, for those after them.
 */

/** Where a call may go. */
export interface Target {
  readonly provider: Provider
  readonly model: string
  readonly defaults: Defaults
  /** The alias that it was found by. */
  readonly alias?: string | undefined
  /** The most time for an attempt at it, in ms. */
  readonly attemptTimeout?: number | undefined
  /** Whether another target is asked where this one may have processed the request, or not. Default: `next`. */
  readonly onUnknown?: OnUnknown | undefined
  /** In place of the provider's own. */
  readonly timeout?: Partial<Timeouts> | undefined
  /** Its share of the calls among the targets of its alias. Default: 1. */
  readonly weight?: number | undefined
  /** What the targets of its alias have in common; undefined where they are asked in their order. */
  readonly choice?: Choice | undefined
}

/** How one of several targets is chosen. */
export const strategies = ['priority', 'weighted', 'least_latency', 'least_cost'] as const
export type Strategy = (typeof strategies)[number]

/** Targets with the same one are put in order for each call. */
export interface Choice {
  readonly strategy: Exclude<Strategy, 'priority'>
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

export interface Keyed {
  /** Undefined where the provider never needs one. */
  readonly key: KeyLease | undefined
}

/** A call with a place for every fact that a policy will add: filling a place is cheap, growing an object is not. */
export function createCall<R extends AnyRequest>(operation: Operation, request: R, context: CallContext): Call<R> {
  const call: Call<R> & { [Fact in keyof (Observed & Authenticated & Planned & Routed & Keyed)]: undefined } = {
    operation,
    request,
    context,
    telemetry: undefined,
    caller: undefined,
    targets: undefined,
    target: undefined,
    firstEventBy: undefined,
    key: undefined,
  }
  return call
}
