import type { Reservation } from '../../../domain/calls/facts.ts'
import type { Clock } from '../../../domain/clock.ts'
import type { GatewayError } from '../../../domain/errors/error.ts'
import type { NanoDollars } from '../../../domain/money.ts'
import type { BudgetStatus, Extension, Hold } from '../../../domain/ports/money/budgets.ts'
import type { BudgetShare } from '../../../domain/ports/money/ledger.ts'
import type { Watcher } from '../../../domain/streams/event-stream.ts'
import { type AnyEvent, finishOf } from '../../../domain/streams/events.ts'
import type { Usage } from '../../../domain/types.ts'
import type { Estimated, Estimator } from '../../estimating/estimator.ts'
import type { BudgetObserver } from '../budget-parts.ts'
import { budgetExceeded } from '../refusals.ts'
import type { AttemptPlan } from './attempt-plan.ts'
import { StreamMeter } from './stream-meter.ts'

/** More is reserved by this part of what is reserved, and by this many tokens at least. */
const TOP_UP = 0.5
const MIN_TOP_UP = 16

export interface ReservationParts {
  readonly events: BudgetObserver
  readonly estimator: Estimator
  readonly clock: Clock
}

/**
 * What one attempt has reserved. While a metered response is generated it reserves more, and cuts the response where a
 * budget bears no more.
 */
export class AttemptReservation implements Reservation, Watcher<AnyEvent> {
  readonly assumed: Usage
  readonly #parts: ReservationParts
  readonly #call: Estimated
  readonly #plan: AttemptPlan
  readonly #hold: Hold
  readonly #maxTokens: number
  /** Undefined where all that the response can cost is reserved. */
  readonly #meter: StreamMeter | undefined
  #isSettled = false
  #isExtending = false
  /** The budget that bears no more. */
  #refusedBy: BudgetStatus | undefined

  /** `maxTokens`: the most output tokens that the vendor may generate. */
  constructor(parts: ReservationParts, call: Estimated, plan: AttemptPlan, hold: Hold, maxTokens: number) {
    this.#parts = parts
    this.#call = call
    this.#plan = plan
    this.#hold = hold
    this.#maxTokens = maxTokens
    const output = Math.min(maxTokens, plan.cost.outputFor(hold.amount))
    if (plan.isMetered && output < maxTokens) this.#meter = new StreamMeter(output)
    const { input } = plan
    this.assumed = { $typeName: 'llmgateway.v1.Usage', input, output, total: input + output, estimated: true }
  }

  held(): readonly BudgetShare[] {
    return this.#hold.shares(this.#hold.amount)
  }

  settle(cost: NanoDollars): readonly BudgetShare[] {
    const { amount } = this.#hold
    if (!this.#isSettled && cost > amount) this.#parts.events.overrun(this.#call.target, cost - amount)
    this.#isSettled = true
    this.#hold.settle(cost)
    return this.#hold.shares(cost)
  }

  event(event: AnyEvent): void {
    const finish = finishOf(event)
    if (finish) this.#learn(finish.usage)
    const meter = this.#meter
    if (!meter || finish) return
    meter.add(event)
    if (!meter.isLow) return
    this.#extend(meter)
    // The next event may be one too many. What a watcher throws ends the stream.
    if (this.#refusedBy && meter.isSpent) throw this.#cut(this.#refusedBy)
  }

  /** Nothing was charged if nobody has settled it by now. */
  end(_error?: GatewayError): void {
    if (!this.#isSettled) this.settle(0)
  }

  #extend(meter: StreamMeter): void {
    if (this.#isExtending) return
    const { cost } = this.#plan
    const tokens = Math.max(MIN_TOP_UP, Math.ceil(meter.reserved * TOP_UP))
    const extension = this.#hold.extend(Math.ceil(tokens * cost.perOutput))
    if (!(extension instanceof Promise)) {
      this.#extended(meter, extension)
      return
    }
    this.#isExtending = true
    void extension.then((result) => {
      this.#isExtending = false
      this.#extended(meter, result)
    })
  }

  #extended(meter: StreamMeter, { refusedBy }: Extension): void {
    const reserved = this.#plan.cost.outputFor(this.#hold.amount)
    // The vendor generates no more than it was asked for, however long its text seems.
    meter.reserved = reserved < this.#maxTokens ? reserved : Number.POSITIVE_INFINITY
    this.#refusedBy = refusedBy
  }

  #cut(refusedBy: BudgetStatus): GatewayError {
    const { provider, model } = this.#call.target
    this.#parts.events.refused(refusedBy)
    return budgetExceeded(refusedBy, this.#parts.clock, undefined, { provider: provider.name, model })
  }

  #learn(usage: Usage | undefined): void {
    if (!usage || usage.estimated) return
    const { input, output } = usage
    const reported = { ...(input !== undefined && { input }), ...(output !== undefined && { output }) }
    this.#parts.estimator.learn(this.#call, this.#plan.tokens, reported)
  }
}
