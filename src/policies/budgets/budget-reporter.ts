import type { Target } from '../../domain/calls/facts.ts'
import type { NanoDollars } from '../../domain/money.ts'
import type { BudgetLevel } from '../../domain/ports/money/budget-level.ts'
import type { BudgetStatus } from '../../domain/ports/money/budgets.ts'
import type { OperatorEvents } from '../../domain/ports/operations/operator-events.ts'
import type { BudgetObserver } from './budget-parts.ts'

/** Parts of a limit whose crossing is reported. */
export const defaultThresholds: readonly number[] = [0.5, 0.8, 1]

type Events = Pick<OperatorEvents, 'budgetThreshold' | 'budgetExceeded' | 'providerAvoided' | 'budgetOverrun'>

/** Subjects whose refusals are remembered. */
const MAX_REMEMBERED = 10_000

/** A sum that grew. */
export interface SettledSum {
  readonly spent: NanoDollars
  readonly limit: NanoDollars
  /** The highest threshold that was reached in this window, or 1 for the limit. */
  announced: number
  status(): BudgetStatus
}

/** Reports to operators when budgets fill up, refuse calls, or keep calls from a provider. */
export class BudgetReporter implements BudgetObserver {
  readonly #events: Events
  /** In ascending order. */
  readonly #thresholds: readonly number[]
  /** The thresholds and the limit itself, in ascending order. */
  readonly #steps: readonly number[]
  /** Start of the window in which a budget was last reported as exceeded, by budget and subject. */
  readonly #exceeded = new Map<string, number>()
  /** By provider: the budget because of which calls avoid it. */
  readonly #avoided = new Map<string, BudgetStatus>()

  constructor(events: Events, thresholds: readonly number[] = defaultThresholds) {
    this.#events = events
    this.#thresholds = [...thresholds].sort((a, b) => a - b)
    this.#steps = [...new Set([...this.#thresholds, 1])].sort((a, b) => a - b)
  }

  /** A charge was added to a sum. */
  settled(sum: SettledSum): void {
    const { spent, limit, announced } = sum
    let reached = announced
    for (const step of this.#steps) if (step > reached && spent >= step * limit) reached = step
    if (reached === announced) return
    sum.announced = reached
    const status = sum.status()
    const threshold = this.#thresholds.findLast((part) => part <= reached)
    if (threshold !== undefined && threshold > announced) {
      this.#events.budgetThreshold({ ...levelOf(status), threshold })
    }
    if (spent >= limit) this.#exceed(status)
  }

  refused(status: BudgetStatus): void {
    this.#exceed(status)
  }

  avoided({ provider }: Target, status: BudgetStatus | undefined): void {
    if (status ? this.#avoided.has(provider.name) : this.#avoided.size === 0) return
    if (!status) {
      const before = this.#avoided.get(provider.name)
      if (before && this.#avoided.delete(provider.name))
        this.#events.providerAvoided(provider.name, levelOf(before), false)
      return
    }
    const { scope } = status
    // Budgets of single callers keep nobody else from a provider.
    if (scope !== 'provider' && scope !== 'global') return
    this.#avoided.set(provider.name, status)
    this.#events.providerAvoided(provider.name, levelOf(status), true)
  }

  overrun({ provider, model }: Target, excess: NanoDollars): void {
    this.#events.budgetOverrun(provider.name, model, excess)
  }

  /** Once per window. */
  #exceed(status: BudgetStatus): void {
    const key = `${status.budget}\0${status.subject}`
    if (this.#exceeded.get(key) === status.windowStart) return
    if (this.#exceeded.size >= MAX_REMEMBERED) this.#exceeded.clear()
    this.#exceeded.set(key, status.windowStart)
    this.#events.budgetExceeded(levelOf(status))
  }
}

function levelOf({ budget, scope, subject, window, windowStart, resetsAt, spent, limit }: BudgetStatus): BudgetLevel {
  return { budget, scope, subject, window, windowStart, resetsAt, spent, limit }
}
