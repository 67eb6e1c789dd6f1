import type { CallContext } from '../../calls/call.ts'
import type { Reason } from '../../errors/reasons.ts'
import type { LimitKind, LimitScope } from '../../limits/limits.ts'
import type { ModelPrice, NanoDollars } from '../../money.ts'
import type { BreakerChange } from '../breakers.ts'
import type { KeyEvent } from '../keys.ts'
import type { BudgetCrossing, BudgetLevel } from '../money/budget-level.ts'
import type { LockState } from '../safety-locks.ts'
import type { ComponentState } from './components.ts'
import type { ErrorRate } from './error-rate.ts'

/**
 * Events that operators should know about. Each is reported once, by the gateway that found out. The methods must not
 * throw.
 */
export interface OperatorEvents {
  /** A key was quarantined, recovered, or cools down for a model. */
  keyChanged(event: KeyEvent): void
  /** A breaker opened, closed, or lets a probe through. */
  breakerChanged(change: BreakerChange): void
  /** A safety lock was engaged or released. */
  safetyLockChanged(state: LockState): void
  /** The shared store became available or unavailable. */
  sharedStoreChanged(state: ComponentState): void
  /** The ledger can record calls again, or no longer. */
  ledgerChanged(state: ComponentState): void
  /**
   * A budget's spending has reached a threshold. Reported when a settled charge reaches it, and with the first charge
   * after a start when it was reached before; repeated reports of one window are allowed.
   */
  budgetThreshold(crossing: BudgetCrossing): void
  /** A budget refused a call for the first time in a window, or its limit is spent. Repeated reports are allowed. */
  budgetExceeded(level: BudgetLevel): void
  /** Calls avoid a provider because this budget of it is spent, or no longer do. */
  providerAvoided(provider: string, level: BudgetLevel, avoided: boolean): void
  /** An attempt cost more than its budgets had reserved for it, by `excess`. All of it is counted. */
  budgetOverrun(provider: string, model: string, excess: NanoDollars): void
  /** The share of a provider's attempts that fail rose above the configured one, or fell below it again. */
  errorRateChanged(rate: ErrorRate): void
  /** A limit was reached. Called for every call that exceeds it, so it takes no object. */
  limitReached(scope: LimitScope, limit: LimitKind, enforced: boolean): void
  /** The cost of a response is not known, because its model has no price. Reported once per model. */
  priceMissing(provider: string, model: string): void
  /** The price of a model in use is another than at its last attempt. Reported once per change. */
  priceChanged(change: PriceChange): void
  /** The operator's file of prices was changed and read again; `problem` says why it cannot be used, if so. */
  pricesRead(path: string, problem: string): void
  /**
   * An admin call has ended, refused ones included. `reason` is empty for a success; `subject` is what it acted on, such as
   * a provider, and may be empty.
   */
  adminCall(method: string, context: CallContext, reason: Reason | '', subject: string): void
}

/** Prices in USD per million tokens; undefined where none is known. */
export interface PriceChange {
  readonly provider: string
  readonly model: string
  readonly before: ModelPrice['list'] | undefined
  readonly after: ModelPrice['list'] | undefined
}

/** Handles the events that it has a method for. */
export type OperatorEventSubscriber = Partial<OperatorEvents>
