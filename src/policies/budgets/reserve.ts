import type { BudgetKey } from '../../domain/budgets/budget-rule.ts'
import type { Call } from '../../domain/calls/call.ts'
import type { Authenticated, Planned, Reserved, Routed, Target } from '../../domain/calls/facts.ts'
import type { Policy } from '../../domain/chain.ts'
import type { Clock } from '../../domain/clock.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import type { Hold, Refusal } from '../../domain/ports/budgets.ts'
import type { EventStream } from '../../domain/streams/event-stream.ts'
import type { AnyEvent } from '../../domain/streams/events.ts'
import { follow, type Handler } from '../../domain/streams/follow.ts'
import { AttemptOutcome, type ChatRequest } from '../../domain/types.ts'
import { skipTarget } from '../routing/skip-target.ts'
import { type AttemptPlan, planAttempt } from './attempt-plan.ts'
import { AttemptReservation } from './attempt-reservation.ts'
import type { BudgetParts } from './budget-parts.ts'
import { boundOptions } from './provider-options.ts'
import { budgetExceeded } from './refusals.ts'

type Needs = Call & Authenticated & Planned & Routed

/**
 * Reserves what an attempt may cost at its target's price, in every budget that counts it, and bounds its output by
 * what they bear. Nothing is reserved while a call waits: this is one of the last policies.
 */
export function reserve(parts: BudgetParts | undefined, clock: Clock): Policy<Needs, Reserved> {
  return (next) => {
    if (!parts || parts.index.isEmpty) return (call) => uncounted(next, call)
    return (call) => {
      const { caller, request, target } = call
      const spender = { caller: caller.name, userId: request.userId, labels: request.labels }
      const keys = parts.index.keysOf(spender, target.provider.name)
      if (keys.length === 0) return uncounted(next, call)
      return new Reserving(parts, clock, keys, next).attempt(call)
    }
  }
}

/** Calls are created without a reservation: there is nothing to add. */
function uncounted<C, E extends AnyEvent>(next: Handler<C & Reserved, E>, call: C): Promise<EventStream<E>> {
  return next(call as C & Reserved)
}

/** The attempts of one call, with the budgets that count them. */
class Reserving<C extends Needs, E extends AnyEvent> {
  readonly #parts: BudgetParts
  readonly #clock: Clock
  readonly #keys: readonly BudgetKey[]
  readonly #next: Handler<C & Reserved, E>

  constructor(parts: BudgetParts, clock: Clock, keys: readonly BudgetKey[], next: Handler<C & Reserved, E>) {
    this.#parts = parts
    this.#clock = clock
    this.#keys = keys
    this.#next = next
  }

  attempt(call: C): Promise<EventStream<E>> {
    const { provider, model } = call.target
    const { price } = provider.describe(model)
    if (!price) {
      if (this.#keys.some(({ rule }) => rule.action === 'refuse')) throw skipTarget(call, noPrice(call.target))
      return uncounted(this.#next, call)
    }
    const plan = planAttempt(call, this.#keys, price, this.#parts.estimator)
    if (plan.cost.isFree) return uncounted(this.#next, call)
    const { requestId, record } = call.context
    const id = `${requestId}:${record.attempts.length}`
    const { amount, least } = plan
    const reserved = this.#parts.budgets.reserve({ id, keys: this.#keys, amount, least })
    if (!(reserved instanceof Promise)) return this.#proceed(call, plan, reserved)
    return reserved.then((result) => {
      // The client may have disconnected meanwhile.
      const { reason } = call.context.cancellation
      if (reason && !result.refusedBy) result.settle(0)
      if (reason) throw reason
      return this.#proceed(call, plan, result)
    })
  }

  #proceed(call: C, plan: AttemptPlan, result: Hold | Refusal): Promise<EventStream<E>> {
    if (result.refusedBy) throw this.#refuse(call, plan, result)
    this.#parts.events.avoided(call.target, undefined)
    const maxTokens = maxTokensFor(plan, result)
    const reservation = new AttemptReservation(this.#parts, call, plan, result, this.#clock, maxTokens)
    return follow(this.#next, { ...bounded(call, plan, result, maxTokens), reservation }, reservation)
  }

  /** A budget that avoids a target leaves the call to the next one; a budget that refuses, to one that is free. */
  #refuse(call: C, plan: AttemptPlan, { refusedBy }: Refusal): GatewayError {
    const { target, targets, context, fallback: isFallback } = call
    const { provider, model } = target
    const facts = { provider: provider.name, model }
    if (refusedBy.key.rule.action === 'avoid') {
      this.#parts.events.avoided(target, refusedBy)
      const { record } = context
      record.fail(record.begin(provider.name, model, isFallback), AttemptOutcome.SKIPPED, 'OVER_BUDGET')
      return budgetExceeded(refusedBy, this.#clock, plan.amount, { ...facts, fallback: true })
    }
    this.#parts.events.refused(refusedBy)
    const fallback = targets.some((other) => other !== target && isFree(other))
    return skipTarget(call, budgetExceeded(refusedBy, this.#clock, plan.amount, { ...facts, fallback }))
  }
}

/** The most output tokens that the vendor may generate. */
function maxTokensFor({ cost, ceiling, isMetered, amount }: AttemptPlan, hold: Hold): number {
  if (hold.tightest === undefined || (!isMetered && hold.amount === amount)) return ceiling
  return Math.min(ceiling, cost.outputFor(isMetered ? hold.headroom : hold.amount))
}

/** The call with the bound on its output, where a budget refuses calls. */
function bounded<C extends Needs>(call: C, plan: AttemptPlan, { tightest }: Hold, maxTokens: number): C {
  const { request, target, warnings, wishes } = call
  // An operation that generates nothing has no output to bound.
  if (!tightest || wishes.maxTokens === 0) return call
  const isLowered = maxTokens < plan.ceiling
  const { providerOptions } = request
  const chat: Partial<ChatRequest> = { maxTokens, providerOptions: boundOptions(providerOptions, maxTokens) }
  const warning = `max_tokens was lowered to ${maxTokens} for ${target.provider.name}/${target.model}: the budget ${JSON.stringify(tightest.budget)} bears no more`
  return {
    ...call,
    request: { ...request, ...chat },
    warnings: isLowered ? [...warnings, warning] : warnings,
  }
}

function isFree({ provider, model }: Target): boolean {
  const { price } = provider.describe(model)
  return price !== undefined && price.list.input === 0 && price.list.output === 0
}

function noPrice({ provider, model }: Target): GatewayError {
  const target = `${provider.name}/${model}`
  const message = `${target} has no known price, and a budget refuses what it cannot count. Configure prices["${target}"].`
  return new GatewayError('NO_PRICE', message, { provider: provider.name, model })
}
