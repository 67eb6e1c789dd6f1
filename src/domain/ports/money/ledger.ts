import type { Bill, NanoDollars } from '../../money.ts'
import type { UsageState } from '../../types.ts'

/** Token counts of one charge. Undefined where the vendor reported none. */
export interface ChargedTokens {
  readonly input?: number | undefined
  readonly output?: number | undefined
  readonly cachedInput?: number | undefined
  readonly cacheWrite?: number | undefined
  readonly reasoning?: number | undefined
}

/** Who is charged for what: the part of a record that is known before the attempt is sent. */
export interface ChargeFacts {
  /** The request id of the call. */
  readonly callId: string
  /** From 1; 0 for a call that needed no attempt. */
  readonly attempt: number
  /** Number of the request within an attempt that needs several; 0 for the first or only one. */
  readonly part: number
  /** When the attempt began, wall time in ms. */
  readonly time: number
  /** The RPC, such as `Chat`. */
  readonly operation: string
  readonly caller: string
  readonly userId: string
  readonly sessionId: string
  readonly labels: Readonly<Record<string, string>>
  /** Empty for calls that named a model. */
  readonly alias: string
  readonly provider: string
  readonly model: string
  readonly keyId: string
  /** Identifies the price list and its overrides; empty for calls without an attempt. */
  readonly priceVersion: string
}

/** What came of a charge. */
export interface ChargeOutcome {
  readonly state: UsageState
  readonly tokens: ChargedTokens
  /** Undefined when no price is known. */
  readonly cost: Bill | undefined
  /** What a cached response would have cost; undefined when unknown or not cached. */
  readonly saved: NanoDollars | undefined
  /** gRPC status code; 0 is OK. */
  readonly code: number
  /** Empty unless it failed. */
  readonly reason: string
  /** From the begin of the attempt to its end, in ms. */
  readonly upstreamLatency: number
}

/** How the call of a charge ended. */
export interface CallEnding {
  readonly code: number
  readonly reason: string
  /** From the arrival of the call to its end, in ms. */
  readonly latency: number
}

/** What a charge takes from one budget. */
export interface BudgetShare {
  /** Name of the budget. */
  readonly budget: string
  /** Whose spending is counted, such as a caller; empty for a budget with one sum. */
  readonly subject: string
  /** Start of the window that the charge counts in, wall time in ms; 0 for a budget without windows. */
  readonly windowStart: number
  readonly nano: NanoDollars
}

/** One record of the ledger. It is filled in while the call goes on. */
export interface Charge {
  readonly facts: ChargeFacts
  /** Until the attempt has ended: what is charged if the gateway never learns how it ended. */
  outcome: ChargeOutcome
  /** Set on the final record of a call. */
  ending: CallEnding | undefined
  /** Budgets that the charge counts in: with what is reserved until the attempt has ended, then with what it cost. */
  shares: readonly BudgetShare[]
}

/** No budgets. */
export const NO_SHARES: readonly BudgetShare[] = []

/** Identifies a charge among all charges of all gateways. */
export function chargeId({ callId, attempt, part }: ChargeFacts): string {
  return part === 0 ? `${callId}/${attempt}` : `${callId}/${attempt}.${part}`
}

/**
 * Records what calls cost. Returned promises settle when the record is written; what they hold back waits for it.
 */
export interface Ledger {
  /** An attempt is about to be sent. Throws or rejects with LEDGER_UNAVAILABLE. */
  begin(charge: Charge): void | Promise<void>
  /** The attempt of a charge has ended, or there was none. It is the final record if it has an ending. Must not fail. */
  settle(charge: Charge): void | Promise<void>
  /** The call of a charge that was settled before has ended: it is the final record and has an ending now. Must not fail. */
  finish(charge: Charge): void | Promise<void>
}
