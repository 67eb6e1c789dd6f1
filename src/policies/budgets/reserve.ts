import type { BudgetKey } from '../../domain/budgets/budget-rule.ts'
import type { Call } from '../../domain/calls/call.ts'
import type {
  Authenticated,
  Billed,
  Keyed,
  PayingCall,
  Planned,
  Reserved,
  Routed,
  Shared,
  Target,
} from '../../domain/calls/facts.ts'
import type { Policy } from '../../domain/chain.ts'
import type { Clock } from '../../domain/clock.ts'
import type { ModelPrice } from '../../domain/money.ts'
import type { Hold, Refusal } from '../../domain/ports/money/budgets.ts'
import type { EventStream } from '../../domain/streams/event-stream.ts'
import type { AnyEvent } from '../../domain/streams/events.ts'
import { follow, type Handler } from '../../domain/streams/follow.ts'
import type { Estimator } from '../estimating/estimator.ts'
import { skipTarget } from '../routing/skip-target.ts'
import { type AttemptPlan, planAttempt } from './attempt/attempt-plan.ts'
import { AttemptReservation } from './attempt/attempt-reservation.ts'
import { boundedCall, maxTokensFor } from './attempt/bounded-call.ts'
import { capAtCost } from './attempt/cost-cap.ts'
import { spenderOf } from './budget-index.ts'
import type { BudgetParts } from './budget-parts.ts'
import { noPrice, overMaxCost, refuseTarget } from './refusals.ts'

type Needs = Call & Authenticated & Planned & Billed & Shared & Routed & Keyed

/** Parts of the policy; `budgets` is undefined where there are none. */
export interface ReserveParts {
  readonly budgets: BudgetParts | undefined
  readonly estimator: Estimator
  readonly clock: Clock
}

const NO_KEYS: readonly BudgetKey[] = []

/**
 * Reserves what an attempt may cost at its target's price, in every budget that counts it, and bounds its output by
 * what they and the call's own limit bear. Nothing is reserved while a call waits: this is one of the last policies.
 */
export function reserve(parts: ReserveParts): Policy<Needs, Reserved> {
  return (next) => (call) => {
    const payer = call.payers?.successor
    const billed = payer ? { ...call, bill: payer.bill } : call
    const keys = parts.budgets ? keysOf(parts.budgets, payer ?? call, call.target) : NO_KEYS
    if (keys.length === 0 && call.wishes.maxCost === undefined) return uncounted(next, billed)
    return new Reserving(parts, keys, next).attempt(billed)
  }
}

function keysOf({ index }: BudgetParts, payer: PayingCall, { provider }: Target): readonly BudgetKey[] {
  return index.keysOf(spenderOf(payer), provider.name)
}

/** Calls are created without a reservation: there is nothing to add. */
function uncounted<C, E extends AnyEvent>(next: Handler<C & Reserved, E>, call: C): Promise<EventStream<E>> {
  return next(call as C & Reserved)
}

/** The attempts of one call, with the budgets that count them. */
class Reserving<C extends Needs, E extends AnyEvent> {
  readonly #parts: ReserveParts
  readonly #keys: readonly BudgetKey[]
  readonly #next: Handler<C & Reserved, E>

  constructor(parts: ReserveParts, keys: readonly BudgetKey[], next: Handler<C & Reserved, E>) {
    this.#parts = parts
    this.#keys = keys
    this.#next = next
  }

  attempt(call: C): Promise<EventStream<E>> {
    const { target, context, wishes } = call
    const { price } = target.provider.describe(target.model)
    if (!price) {
      const isCounted = wishes.maxCost !== undefined || this.#keys.some(({ rule }) => rule.action === 'refuse')
      if (isCounted) throw skipTarget(call, noPrice(target))
      return uncounted(this.#next, call)
    }
    const plan = planAttempt(call, this.#keys, price, this.#parts.estimator)
    if (plan.cost.isFree) return uncounted(this.#next, call)
    if (plan.isOverMaxCost) throw skipTarget(call, overMaxCost(target))
    const { budgets } = this.#parts
    if (!budgets || this.#keys.length === 0) return this.#ask(call, plan, price)
    const id = `${context.requestId}:${context.record.attempts.length}`
    const { amount, least } = plan
    const reserved = budgets.budgets.reserve({ id, keys: this.#keys, amount, least })
    if (!(reserved instanceof Promise)) return this.#proceed(budgets, call, plan, price, reserved)
    return reserved.then((result) => {
      // The client may have disconnected meanwhile.
      const { reason } = context.cancellation
      if (reason && !result.refusedBy) result.settle(0)
      if (reason) throw reason
      return this.#proceed(budgets, call, plan, price, result)
    })
  }

  #proceed(
    budgets: BudgetParts,
    call: C,
    plan: AttemptPlan,
    price: ModelPrice,
    result: Hold | Refusal,
  ): Promise<EventStream<E>> {
    const { clock } = this.#parts
    if (result.refusedBy) throw refuseTarget(budgets, call, result.refusedBy, plan, clock)
    budgets.events.avoided(call.target, undefined)
    return this.#ask(call, plan, price, { budgets, hold: result })
  }

  #ask(
    call: C,
    plan: AttemptPlan,
    price: ModelPrice,
    counted?: { readonly budgets: BudgetParts; readonly hold: Hold },
  ): Promise<EventStream<E>> {
    const { estimator, clock } = this.#parts
    const maxTokens = maxTokensFor(plan, counted?.hold)
    const bounded = boundedCall(call, plan, counted?.hold, maxTokens)
    const reservation =
      counted &&
      new AttemptReservation({ budgets: counted.budgets, estimator, clock }, call, plan, counted.hold, maxTokens)
    const answer = reservation
      ? follow(this.#next, { ...bounded, reservation }, reservation)
      : uncounted(this.#next, bounded)
    const { wishes, context, streamed, target } = call
    // What comes as a whole is paid by then.
    const isGenerated = streamed || target.provider.streamsUnary === true
    if (wishes.maxCost === undefined || !isGenerated) return answer
    const { cancellation, record } = context
    const { input, cap } = plan
    return answer.then((stream) => capAtCost(stream, { cancellation, record, price, input, maxTokens: cap }))
  }
}
