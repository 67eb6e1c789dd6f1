import type {
  AnyRequest,
  Call,
  CallContext,
  Caller,
  Defaults,
  OnInvalid,
  OnUnknown,
  Operation,
  Timeouts,
} from './call.ts'
import { operations } from './operations.ts'
import type { KeyLease } from './ports/keys.ts'
import type { Charge, ChargeOutcome } from './ports/ledger.ts'
import type { Provider } from './ports/provider.ts'
import type { CallTelemetry } from './ports/telemetry.ts'

/*
 * What policies add to a call for the policies after them.
 */

/** A provider and model that may serve a call. */
export interface Target {
  readonly provider: Provider
  readonly model: string
  readonly defaults: Defaults
  /** The alias that it belongs to. */
  readonly alias?: string | undefined
  /** Time limit of an attempt, in ms. */
  readonly attemptTimeout?: number | undefined
  /** Whether another target is asked when this one may have processed the request. Default: `next`. */
  readonly onUnknown?: OnUnknown | undefined
  /** Whether one further target is asked when the vendor refuses the request as invalid. Default: `fail`. */
  readonly onInvalid?: OnInvalid | undefined
  /** Overrides the provider's own. */
  readonly timeout?: Partial<Timeouts> | undefined
  /** Relative share of the calls among the targets of its alias. Default: 1. */
  readonly weight?: number | undefined
  /** Shared by the targets of its alias; undefined when they are asked in their order. */
  readonly choice?: Choice | undefined
}

/** How one of an alias' targets is chosen. */
export const strategies = ['priority', 'weighted', 'least_latency', 'least_cost'] as const
export type Strategy = (typeof strategies)[number]

/** Targets with the same choice are put in order for each call. */
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
  /** At least one, in the order in which they are asked. */
  readonly targets: readonly Target[]
}

/** The bill of a call, as its attempts see it. */
export interface CallCharges {
  begin(attempted: { readonly target: Target; readonly keyId: string }, outcome: ChargeOutcome): Charge
  settle(charge: Charge, outcome: ChargeOutcome): void | Promise<void>
}

export interface Billed {
  /** Undefined when there is no ledger. */
  readonly bill: CallCharges | undefined
}

export interface Routed {
  readonly target: Target
  /** When the first meaningful event must be in hand, on the monotonic clock, in ms. */
  readonly firstEventBy: number
  /** Whether that is a share of the caller's own deadline: to miss it says nothing about the target. */
  readonly isShare?: boolean | undefined
  /** Whether the target is another than the first one planned. */
  readonly fallback: boolean
  /** What the caller should know about the choice of this target. */
  readonly warnings: readonly string[]
}

export interface Keyed {
  /** Undefined when the provider needs none. */
  readonly key: KeyLease | undefined
}

/**
 * A call with a place for every fact that policies will add: filling a place is cheap, adding a key to an object is
 * not.
 */
export function createCall<R extends AnyRequest>(operation: Operation, request: R, context: CallContext): Call<R> {
  const { streamed, wishes } = operations[operation]
  context.record.streamed = streamed
  const call: Call<R> & { [Fact in keyof (Observed & Authenticated & Planned & Billed & Routed & Keyed)]: undefined } =
    {
      operation,
      streamed,
      request,
      wishes: wishes(request),
      context,
      telemetry: undefined,
      caller: undefined,
      targets: undefined,
      bill: undefined,
      target: undefined,
      firstEventBy: undefined,
      isShare: undefined,
      fallback: undefined,
      warnings: undefined,
      key: undefined,
    }
  return call
}
