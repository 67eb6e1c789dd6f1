import type { CallContext } from '../calls/call.ts'
import type { Reason } from '../errors/reasons.ts'
import type { LimitKind, LimitScope } from '../limits/limits.ts'
import type { BreakerChange } from './breakers.ts'
import type { ComponentState } from './components.ts'
import type { KeyEvent } from './keys.ts'
import type { LockState } from './safety-locks.ts'

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
  /** A limit was reached. Called for every call that exceeds it, so it takes no object. */
  limitReached(scope: LimitScope, limit: LimitKind, enforced: boolean): void
  /** The cost of a response is not known, because its model has no price. Reported once per model. */
  priceMissing(provider: string, model: string): void
  /** An admin call has ended, refused ones included. `reason` is empty for a success. */
  adminCall(method: string, context: CallContext, reason: Reason | ''): void
}

/** Handles the events that it has a method for. */
export type OperatorEventSubscriber = Partial<OperatorEvents>
