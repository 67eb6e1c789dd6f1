import type { GatewayError } from '../errors/error.ts'
import type { NanoDollars } from '../money.ts'
import type { KeyLease } from '../ports/keys.ts'
import type { BudgetShare, Charge, ChargeOutcome } from '../ports/money/ledger.ts'
import type { CallTelemetry } from '../ports/operations/telemetry.ts'
import type { Provider } from '../ports/provider.ts'
import type { Usage } from '../types.ts'
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
import type { AttemptCharge } from './call-record.ts'
import type { ConversationRules } from './conversation-rules.ts'
import { operations } from './operations.ts'

/* What policies add to a call for the policies after them. */

/** A provider and model that may serve a call. */
export interface Target {
  readonly provider: Provider
  readonly model: string
  readonly defaults: Defaults
  /** The alias that it belongs to. */
  readonly alias?: string | undefined
  /** Time limit of an attempt, in ms. */
  readonly attemptTimeout?: number | undefined
  /** Whether to call another target when this one may have processed the request. Default: `next`. */
  readonly onUnknown?: OnUnknown | undefined
  /** Whether to call one further target when the vendor refuses the request as invalid. Default: `fail`. */
  readonly onInvalid?: OnInvalid | undefined
  /** What its alias says about conversations; undefined where that is nothing. */
  readonly conversation?: ConversationRules | undefined
  /** Overrides the timeouts of the provider. */
  readonly timeout?: Partial<Timeouts> | undefined
  /** Relative share of the calls among the targets of its alias. Default: 1. */
  readonly weight?: number | undefined
  /** Shared by the targets of its alias; undefined when they are called in configured order. */
  readonly choice?: Choice | undefined
}

/** How the targets of an alias are ordered. */
export const strategies = ['priority', 'weighted', 'least_latency', 'least_cost'] as const
export type Strategy = (typeof strategies)[number]

/** Targets with the same choice are ordered again for each call. */
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
  /** At least one, in the order in which they are called. */
  readonly targets: readonly Target[]
}

/** Where the last call of a conversation was answered. */
export interface SessionPlace {
  readonly provider: string
  readonly model: string
  /** Empty where the provider needs no key. */
  readonly keyId: string
}

export interface Kept {
  /** Target and key to ask first; undefined for a call that belongs to no conversation, and for the first of one. */
  readonly session: SessionPlace | undefined
}

/** Records the charges of a call's attempts in its bill. */
export interface CallCharges {
  /** Opens the charge of an attempt, or of a further request (`part` from 1) of the attempt that began last. */
  begin(attempted: { readonly target: Target; readonly keyId: string }, outcome: ChargeOutcome, part?: number): Charge
  settle(charge: Charge, outcome: ChargeOutcome): void | Promise<void>
  /** For a call that is made for this one: its charges belong to this call, but none of them is the final record. */
  ofSideCall(): CallCharges
}

export interface Billed {
  /** Undefined when there is no ledger. */
  readonly bill: CallCharges | undefined
}

/** A call that may pay for attempts. */
export type PayingCall = Call & Authenticated & Billed

/** Who pays for a call that several callers share. */
export interface Payers {
  /** The call that took over last; undefined while the call that began the shared one pays. */
  readonly successor: PayingCall | undefined
  /** The next call that may take over, in order of arrival. Each is returned once. */
  nextPayer(): PayingCall | undefined
  /** The budgets of a call that `nextPayer` returned do not bear more: why, for its own caller. */
  refused(call: PayingCall, error: GatewayError): void
  /**
   * From now on `call` pays. The call that paid until now ends with `error`, and pays at most `paid` of the attempt under
   * way, together with those before it.
   */
  handOver(call: PayingCall, paid: NanoDollars, error: GatewayError): void
}

export interface Shared {
  /** Undefined where the call is not shared. */
  readonly payers: Payers | undefined
}

/** What an attempt has reserved in budgets. */
export interface Reservation {
  /** Whether the response may be shorter than the call and its model allow. */
  readonly shortens: boolean
  /** What is assumed of an attempt whose end never becomes known. */
  readonly assumed: Usage
  /** Input tokens that the vendor is likely to count, rather too many than too few. */
  readonly input: number
  /** What the attempt has used so far, rather too much than too little; undefined for a response that comes as a whole. */
  readonly used: Usage | undefined
  /** The budgets with what they hold now. */
  held(): readonly BudgetShare[]
  /** Replaces what is held by what the attempt cost; returns what each payer pays of it, at least one. Must not fail. */
  settle(cost: NanoDollars): readonly Payment[]
}

/** What one call pays of an attempt. */
export interface Payment {
  readonly nano: NanoDollars
  /** The budgets of the call, each with `nano`. */
  readonly shares: readonly BudgetShare[]
  /** Undefined for the call that paid when the attempt began. */
  readonly takenOver: TakenOver | undefined
}

/** The charge of an attempt that began for another call. */
export interface TakenOver {
  readonly call: PayingCall
  /** Undefined when there is no ledger. */
  readonly charge: Charge | undefined
}

export interface Reserved {
  /** Undefined where no budget counts the attempt. */
  readonly reservation: Reservation | undefined
}

/** Records the requests of an attempt that may need several. */
export interface RequestRecorder {
  /** To be awaited before a request is sent. Rejects when it must not be sent. */
  begin(assumed: Usage): Promise<RecordedRequest>
}

export interface RecordedRequest {
  /** The request has ended. */
  settle(charged: AttemptCharge, error: GatewayError | undefined): void
}

export interface Routed {
  readonly target: Target
  /** Deadline for the first meaningful event, on the monotonic clock, in ms. */
  readonly firstEventBy: number
  /** Whether `firstEventBy` is a share of the caller's deadline. Missing it then says nothing about the target. */
  readonly isShare?: boolean | undefined
  /** Counts a further request of the same attempt against the provider's limits; undefined where it has none. */
  readonly countRequest?: (() => Promise<void>) | undefined
  /** Records the requests of an attempt that may need several; undefined where the attempt is recorded as one. */
  readonly requests?: RequestRecorder | undefined
  /** Whether the target is not the first one planned. */
  readonly fallback: boolean
  /** What the caller should know about the choice of this target. */
  readonly warnings: readonly string[]
}

export interface Keyed {
  /** Undefined when the provider needs no key. */
  readonly key: KeyLease | undefined
}

/**
 * Creates a call with a property for every fact that policies will add: assigning a property that exists is cheap,
 * adding one is not.
 */
export function createCall<R extends AnyRequest>(operation: Operation, request: R, context: CallContext): Call<R> {
  const { streamed, wishes } = operations[operation]
  context.record.streamed = streamed
  const call: Call<R> & {
    [Fact in keyof (Observed & Authenticated & Planned & Shared & Kept & Billed & Routed & Keyed & Reserved)]: undefined
  } = {
    operation,
    streamed,
    request,
    wishes: wishes(request),
    context,
    telemetry: undefined,
    caller: undefined,
    targets: undefined,
    payers: undefined,
    session: undefined,
    bill: undefined,
    target: undefined,
    firstEventBy: undefined,
    isShare: undefined,
    countRequest: undefined,
    requests: undefined,
    fallback: undefined,
    warnings: undefined,
    key: undefined,
    reservation: undefined,
  }
  return call
}
