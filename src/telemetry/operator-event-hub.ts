import type { CallContext } from '../domain/calls/call.ts'
import type { Reason } from '../domain/errors/reasons.ts'
import type { LimitKind, LimitScope } from '../domain/limits/limits.ts'
import type { NanoDollars } from '../domain/money.ts'
import type { BreakerChange } from '../domain/ports/breakers.ts'
import type { KeyEvent } from '../domain/ports/keys.ts'
import type { BudgetCrossing, BudgetLevel } from '../domain/ports/money/budget-level.ts'
import type { ComponentState } from '../domain/ports/operations/components.ts'
import type { ErrorRate } from '../domain/ports/operations/error-rate.ts'
import type {
  OperatorEventSubscriber,
  OperatorEvents,
  PriceChange,
} from '../domain/ports/operations/operator-events.ts'
import type { LockState } from '../domain/ports/safety-locks.ts'

/** Passes each event to all subscribers, in the order in which they subscribed. */
export class OperatorEventHub implements OperatorEvents {
  readonly #subscribers: OperatorEventSubscriber[] = []

  subscribe(subscriber: OperatorEventSubscriber): void {
    this.#subscribers.push(subscriber)
  }

  keyChanged(event: KeyEvent): void {
    for (const subscriber of this.#subscribers) subscriber.keyChanged?.(event)
  }

  breakerChanged(change: BreakerChange): void {
    for (const subscriber of this.#subscribers) subscriber.breakerChanged?.(change)
  }

  safetyLockChanged(state: LockState): void {
    for (const subscriber of this.#subscribers) subscriber.safetyLockChanged?.(state)
  }

  sharedStoreChanged(state: ComponentState): void {
    for (const subscriber of this.#subscribers) subscriber.sharedStoreChanged?.(state)
  }

  ledgerChanged(state: ComponentState): void {
    for (const subscriber of this.#subscribers) subscriber.ledgerChanged?.(state)
  }

  budgetThreshold(crossing: BudgetCrossing): void {
    for (const subscriber of this.#subscribers) subscriber.budgetThreshold?.(crossing)
  }

  budgetExceeded(level: BudgetLevel): void {
    for (const subscriber of this.#subscribers) subscriber.budgetExceeded?.(level)
  }

  providerAvoided(provider: string, level: BudgetLevel, avoided: boolean): void {
    for (const subscriber of this.#subscribers) subscriber.providerAvoided?.(provider, level, avoided)
  }

  budgetOverrun(provider: string, model: string, excess: NanoDollars): void {
    for (const subscriber of this.#subscribers) subscriber.budgetOverrun?.(provider, model, excess)
  }

  errorRateChanged(rate: ErrorRate): void {
    for (const subscriber of this.#subscribers) subscriber.errorRateChanged?.(rate)
  }

  limitReached(scope: LimitScope, limit: LimitKind, enforced: boolean): void {
    for (const subscriber of this.#subscribers) subscriber.limitReached?.(scope, limit, enforced)
  }

  priceMissing(provider: string, model: string): void {
    for (const subscriber of this.#subscribers) subscriber.priceMissing?.(provider, model)
  }

  priceChanged(change: PriceChange): void {
    for (const subscriber of this.#subscribers) subscriber.priceChanged?.(change)
  }

  pricesRead(path: string, problem: string): void {
    for (const subscriber of this.#subscribers) subscriber.pricesRead?.(path, problem)
  }

  adminCall(method: string, context: CallContext, reason: Reason | '', subject: string): void {
    for (const subscriber of this.#subscribers) subscriber.adminCall?.(method, context, reason, subject)
  }
}
