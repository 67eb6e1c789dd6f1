import type { KeyEvent } from '../../domain/ports/keys.ts'
import type { BudgetCrossing, BudgetLevel } from '../../domain/ports/money/budget-level.ts'
import type { ComponentState } from '../../domain/ports/operations/components.ts'
import type { ErrorRate } from '../../domain/ports/operations/error-rate.ts'
import type { OperatorEventSubscriber } from '../../domain/ports/operations/operator-events.ts'
import { BreakerState } from '../../domain/types.ts'
import type { AlertFacts } from './alert.ts'
import { budgetData, budgetIdentity, budgetName, endOf, expiryOf, percent, safeName } from './budget-facts.ts'
import type { Notifier } from './notifier.ts'
import type { AlertEvent } from './settings.ts'

export interface OperatorAlertOptions {
  readonly notifier: Pick<Notifier, 'once' | 'raise' | 'clear'>
  /** Parts of a budget's limit, in ascending order. */
  readonly thresholds: readonly number[]
  /** Share of failures that was set for alerts, 0 to 1. */
  readonly errorRatio: number
  /** Wall time in ms. */
  readonly now: () => number
}

const HOUR = 3_600_000
/** A missing price is reported again after this long, in ms. */
const PRICE_TERM = 7 * 24 * HOUR

/** Raises and clears alerts as operator events come. */
export function operatorAlerts(options: OperatorAlertOptions): OperatorEventSubscriber {
  const { notifier, errorRatio, now } = options
  return {
    keyChanged: (event) => keyChanged(options, event),
    breakerChanged({ provider, model, state }) {
      const subject = `${provider}/${model}`
      if (state === BreakerState.CLOSED) notifier.clear(identityOf('breaker_open', subject))
      if (state !== BreakerState.OPEN) return
      notifier.raise(identityOf('breaker_open', subject), () =>
        warning('breaker_open', subject, `${safeName(subject)} keeps failing: its breaker is open`, {
          provider,
          model,
        }),
      )
    },
    sharedStoreChanged: (state) => componentChanged(options, 'redis_unavailable', state),
    ledgerChanged: (state) => componentChanged(options, 'ledger_unavailable', state),
    errorRateChanged: (rate) => errorRateChanged(options, rate, errorRatio),
    priceMissing(provider, model) {
      const subject = `${provider}/${model}`
      const summary = `${safeName(subject)} has no price: its cost is not counted`
      notifier.once(
        identityOf('price_missing', subject),
        () => ({ ...warning('price_missing', subject, summary, { provider, model }), endsAt: now() + PRICE_TERM }),
        { expiresAt: now() + PRICE_TERM },
      )
    },
    budgetThreshold: (crossing) => budgetThreshold(options, crossing),
    budgetExceeded: (level) => budgetExceeded(options, level),
    providerAvoided: (provider, level, avoided) => providerAvoided(options, provider, level, avoided),
  }
}

function identityOf(event: AlertEvent, ...rest: readonly (string | number)[]): string {
  return JSON.stringify([event, ...rest])
}

function warning(event: AlertEvent, subject: string, summary: string, data: AlertFacts['data']): AlertFacts {
  return { event, severity: 'warning', subject, summary, data: { subject, ...data } }
}

function keyChanged({ notifier }: OperatorAlertOptions, event: KeyEvent): void {
  const { provider, keyId, change } = event
  const subject = `${provider}/${keyId}`
  const [ofKey, ofPool] = [identityOf('key_quarantined', subject), identityOf('pool_exhausted', provider)]
  if (change === 'recovered') {
    notifier.clear(ofKey)
    notifier.clear(ofPool)
  }
  if (change !== 'quarantined') return
  const { reason } = event
  const data = { provider, key_id: keyId, reason }
  notifier.raise(ofKey, () =>
    warning('key_quarantined', subject, `Key ${keyId} of ${provider} is refused: ${reason}`, data),
  )
  if (!event.isLast) return
  notifier.raise(ofPool, () => ({
    ...warning('pool_exhausted', provider, `Every key of ${provider} is refused: ${reason}`, { provider, reason }),
    severity: 'critical',
  }))
}

function componentChanged(
  { notifier }: OperatorAlertOptions,
  event: 'redis_unavailable' | 'ledger_unavailable',
  { name, healthy, message }: ComponentState,
): void {
  const identity = identityOf(event, name)
  if (healthy) {
    notifier.clear(identity)
    return
  }
  const [what, severity] =
    event === 'redis_unavailable' ? ['Redis', 'warning' as const] : ['The ledger', 'critical' as const]
  notifier.raise(identity, () => ({
    ...warning(event, name, message === '' ? `${what} is unavailable` : message, { message }),
    severity,
  }))
}

function errorRateChanged({ notifier }: OperatorAlertOptions, rate: ErrorRate, threshold: number): void {
  const { provider, exceeded, attempts, errors, window } = rate
  const identity = identityOf('error_rate', provider)
  if (!exceeded) {
    notifier.clear(identity)
    return
  }
  const share = attempts === 0 ? 0 : errors / attempts
  const period = window % HOUR === 0 ? `${window / HOUR}h` : `${window / 60_000}m`
  const data = {
    provider,
    window: period,
    threshold,
    error_rate: Math.round(share * 1e4) / 1e4,
    calls: attempts,
    errors,
  }
  notifier.raise(identity, () =>
    warning('error_rate', provider, `${percent(share)} of the attempts at ${provider} failed within ${period}`, data),
  )
}

function budgetThreshold({ notifier, thresholds }: OperatorAlertOptions, crossing: BudgetCrossing): void {
  const { threshold } = crossing
  const identityAt = (part: number) => budgetIdentity('budget_threshold', crossing, part)
  const facts = (): AlertFacts => ({
    event: 'budget_threshold',
    severity: threshold >= 1 ? 'critical' : 'warning',
    subject: crossing.subject,
    summary: `${percent(threshold)} of the ${budgetName(crossing)} is spent`,
    data: budgetData(crossing, threshold),
    ...endOf(crossing),
  })
  const covers = thresholds.filter((part) => part < threshold).map(identityAt)
  notifier.once(identityAt(threshold), facts, { expiresAt: expiryOf(crossing), covers })
}

function budgetExceeded({ notifier }: OperatorAlertOptions, level: BudgetLevel): void {
  const facts = (): AlertFacts => ({
    event: 'budget_exceeded',
    severity: 'critical',
    subject: level.subject,
    summary: `The ${budgetName(level)} is exceeded`,
    data: budgetData(level, 1),
    ...endOf(level),
  })
  notifier.once(budgetIdentity('budget_exceeded', level), facts, { expiresAt: expiryOf(level) })
}

function providerAvoided(
  { notifier }: OperatorAlertOptions,
  provider: string,
  level: BudgetLevel,
  avoided: boolean,
): void {
  const identity = budgetIdentity('provider_avoided', level, provider)
  if (!avoided) {
    notifier.clear(identity)
    return
  }
  const facts = (): AlertFacts => ({
    ...warning('provider_avoided', provider, `${provider} is avoided: the ${budgetName(level)} is spent`, {
      provider,
      ...budgetData(level, 1),
    }),
    ...endOf(level),
  })
  notifier.once(identity, facts, { expiresAt: expiryOf(level) })
}
