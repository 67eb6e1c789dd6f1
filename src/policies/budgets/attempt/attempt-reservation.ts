import type { Keyed, PayingCall, Payment, Reservation, Shared, TakenOver } from '../../../domain/calls/facts.ts'
import type { Clock } from '../../../domain/clock.ts'
import type { GatewayError } from '../../../domain/errors/error.ts'
import type { NanoDollars } from '../../../domain/money.ts'
import type { BudgetStatus, Extension, Hold } from '../../../domain/ports/money/budgets.ts'
import type { BudgetShare } from '../../../domain/ports/money/ledger.ts'
import type { Watcher } from '../../../domain/streams/event-stream.ts'
import { type AnyEvent, finishOf } from '../../../domain/streams/events.ts'
import type { Usage } from '../../../domain/types.ts'
import { NOT_CHARGED_YET } from '../../billing/outcome.ts'
import type { Estimated, Estimator } from '../../estimating/estimator.ts'
import type { BudgetParts } from '../budget-parts.ts'
import { budgetExceeded } from '../refusals.ts'
import type { AttemptPlan } from './attempt-plan.ts'
import { NextPayer } from './next-payer.ts'
import { StreamMeter } from './stream-meter.ts'

/** More is reserved by this part of what is reserved, and by this many tokens at least. */
const TOP_UP = 0.5
const MIN_TOP_UP = 16

export interface ReservationParts {
  readonly budgets: BudgetParts
  readonly estimator: Estimator
  readonly clock: Clock
}

/** What one payer has reserved for an attempt. */
interface Part {
  readonly hold: Hold
  readonly takenOver: TakenOver | undefined
  /** The most that it pays, once another one pays what exceeds it. */
  most: NanoDollars | undefined
}

/**
 * What one attempt has reserved. While a metered response is generated it reserves more. Where a budget bears no more,
 * the next caller of a shared response takes over; without one the response is cut.
 */
export class AttemptReservation implements Reservation, Watcher<AnyEvent> {
  readonly assumed: Usage
  readonly #tools: ReservationParts
  readonly #call: Estimated & Keyed & Shared
  readonly #plan: AttemptPlan
  /** In the order in which they paid. */
  readonly #parts: Part[]
  #hold: Hold
  readonly #maxTokens: number
  /** Undefined for a response that comes as a whole. */
  readonly #meter: StreamMeter | undefined
  readonly #next: NextPayer | undefined
  #isSettled = false
  #isExtending = false
  /** The budget that bears no more. */
  #refusedBy: BudgetStatus | undefined

  /** `maxTokens`: the most output tokens that the vendor may generate. */
  constructor(
    tools: ReservationParts,
    call: Estimated & Keyed & Shared,
    plan: AttemptPlan,
    hold: Hold,
    maxTokens: number,
  ) {
    this.#tools = tools
    this.#call = call
    this.#plan = plan
    this.#hold = hold
    this.#parts = [{ hold, takenOver: undefined, most: undefined }]
    this.#maxTokens = maxTokens
    const output = Math.min(maxTokens, plan.cost.outputFor(hold.amount))
    if (call.streamed || call.target.provider.streamsUnary) {
      // All that the response can cost may be reserved.
      const isGrowing = plan.isMetered && output < maxTokens
      const ratio = tools.estimator.highOutputRatio(call)
      this.#meter = new StreamMeter(isGrowing ? output : Number.POSITIVE_INFINITY, ratio)
      const { payers, target } = call
      if (isGrowing && payers) {
        this.#next = new NextPayer({ budgets: tools.budgets, clock: tools.clock, payers, target })
      }
    }
    this.assumed = usageOf(plan.input, output)
  }

  get shortens(): boolean {
    return this.#maxTokens < this.#plan.ceiling
  }

  get used(): Usage | undefined {
    return this.#meter && usageOf(this.input, Math.ceil(this.#meter.said))
  }

  get input(): number {
    return this.#plan.likelyInput
  }

  held(): readonly BudgetShare[] {
    return this.#hold.shares(this.#hold.amount)
  }

  settle(cost: NanoDollars): readonly Payment[] {
    const amount = this.#reserved
    if (!this.#isSettled && cost > amount) this.#tools.budgets.events.overrun(this.#call.target, cost - amount)
    this.#isSettled = true
    let left = cost
    return this.#parts.map(({ hold, takenOver, most = left }) => {
      const nano = Math.min(left, most)
      left -= nano
      hold.settle(nano)
      return { nano, shares: hold.shares(nano), takenOver }
    })
  }

  event(event: AnyEvent): void {
    const finish = finishOf(event)
    if (finish) this.#learn(finish.usage)
    const meter = this.#meter
    if (!meter || finish) return
    meter.add(event)
    while (meter.isLow) {
      this.#extend(meter)
      // The next event may be one too many. What a watcher throws ends the stream.
      if (!this.#refusedBy || !meter.isSpent) return
      this.#handOver(meter, this.#cut(this.#refusedBy))
    }
  }

  /** Nothing was charged if nobody has settled it by now. */
  end(_error?: GatewayError): void {
    this.#next?.end()
    if (!this.#isSettled) this.settle(0)
  }

  /** What all payers have reserved. */
  get #reserved(): NanoDollars {
    return this.#parts.reduce((sum, { hold, most }) => sum + (most ?? hold.amount), 0)
  }

  #extend(meter: StreamMeter): void {
    if (this.#isExtending) return
    const hold = this.#hold
    const { perOutput } = this.#plan.cost
    const more = Math.ceil(Math.max(MIN_TOP_UP, Math.ceil(meter.reserved * TOP_UP)) * perOutput)
    const extension = hold.extend(more)
    if (!(extension instanceof Promise)) {
      this.#extended(meter, more, extension)
      return
    }
    this.#isExtending = true
    void extension.then((result) => {
      this.#isExtending = false
      if (hold === this.#hold) this.#extended(meter, more, result)
    })
  }

  #extended(meter: StreamMeter, wanted: NanoDollars, { refusedBy }: Extension): void {
    this.#refill(meter)
    this.#refusedBy = refusedBy
    if (refusedBy) this.#next?.seek({ amount: wanted, least: Math.ceil(MIN_TOP_UP * this.#plan.cost.perOutput) })
  }

  #refill(meter: StreamMeter): void {
    const reserved = this.#plan.cost.outputFor(this.#reserved)
    // The vendor generates no more than it was asked for, however long its text seems.
    meter.reserved = reserved < this.#maxTokens ? reserved : Number.POSITIVE_INFINITY
  }

  /** Lets the next caller pay; throws the error where nobody can. */
  #handOver(meter: StreamMeter, error: GatewayError): void {
    const next = this.#next?.take()
    if (!next) throw error
    const { context, payers } = this.#call
    const attempt = context.record.attempts.at(-1)
    // For the caller whose response ends here.
    if (attempt) attempt.usage ??= this.used
    const last = this.#parts.at(-1)
    if (last) last.most = last.hold.amount
    const paid = this.#reserved
    this.#parts.push({ hold: next.hold, takenOver: this.#open(next.call), most: undefined })
    this.#hold = next.hold
    this.#refusedBy = undefined
    this.#refill(meter)
    payers?.handOver(next.call, paid, error)
  }

  #open(call: PayingCall): TakenOver {
    const { target, key } = this.#call
    return { call, charge: call.bill?.begin({ target, keyId: key?.keyId ?? '' }, NOT_CHARGED_YET) }
  }

  #cut(refusedBy: BudgetStatus): GatewayError {
    const { provider, model } = this.#call.target
    const { budgets, clock } = this.#tools
    budgets.events.refused(refusedBy)
    return budgetExceeded(refusedBy, clock, undefined, { provider: provider.name, model })
  }

  #learn(usage: Usage | undefined): void {
    if (!usage || usage.estimated) return
    this.#tools.estimator.learn(this.#call, this.#plan.tokens, usage, this.#meter?.text)
  }
}

function usageOf(input: number, output: number): Usage {
  return { $typeName: 'llmgateway.v1.Usage', input, output, total: input + output, estimated: true }
}
