import type { Call } from '../../domain/calls/call.ts'
import type { Authenticated, Planned, Routed } from '../../domain/calls/facts.ts'
import type { Policy } from '../../domain/chain.ts'
import type { Clock } from '../../domain/clock.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import type { EventStream } from '../../domain/streams/event-stream.ts'
import type { AnyEvent } from '../../domain/streams/events.ts'
import { follow, type Handler } from '../../domain/streams/follow.ts'
import { type ChatRequest, ContextOverflow } from '../../domain/types.ts'
import type { Estimator } from '../estimating/estimator.ts'
import type { AttemptBound } from '../routing/attempt-bound.ts'
import { MIN_TIME } from '../routing/min-time.ts'
import { InputLearner } from './input-learner.ts'
import { overflowAt } from './rules.ts'
import { shorten } from './shorten.ts'
import { Sizes } from './sizes.ts'
import { inputSpace, spaceAfterRefusal } from './space.ts'

export interface FitParts {
  readonly estimator: Estimator
  readonly clock: Clock
  /** Whether the gateway is about to end and begins no further attempts. */
  readonly isEnding: () => boolean
  readonly bound: AttemptBound
}

type Needs = Call<ChatRequest> & Authenticated & Planned & Routed

/**
 * Makes a conversation short enough for the context window of the target, where the call or its alias wants that. If the
 * vendor refuses it as too long all the same, the target is asked once more with less.
 */
export function fitContext(parts: FitParts): Policy<Needs> {
  return (next) => (call) =>
    overflowAt(call, call.target) === ContextOverflow.ERROR ? next(call) : new Fitting(parts, next, call).ask()
}

/** What is sent: the conversation without its oldest turns. */
interface Sent<C> {
  readonly call: C
  readonly dropped: number
}

/** One call at one target. */
class Fitting<C extends Needs, E extends AnyEvent> {
  readonly #parts: FitParts
  readonly #next: Handler<C, E>
  readonly #call: C
  readonly #sizes: Sizes

  constructor(parts: FitParts, next: Handler<C, E>, call: C) {
    this.#parts = parts
    this.#next = next
    this.#call = call
    this.#sizes = new Sizes(call, call.request, parts.estimator)
  }

  async ask(): Promise<EventStream<E>> {
    const { provider, model } = this.#call.target
    const window = provider.describe(model).contextWindow
    const sent = this.#within(window === undefined ? Number.POSITIVE_INFINITY : inputSpace(this.#call, window))
    try {
      return await this.#send(sent)
    } catch (thrown) {
      const error = GatewayError.from(thrown)
      if (error.reason !== 'CONTEXT_LENGTH_EXCEEDED' || !this.#mayAskAgain()) throw error
      const refused = this.#sizes.without(sent.dropped)
      const shorter = this.#within(spaceAfterRefusal(refused), sent.dropped + 1)
      if (shorter.dropped <= sent.dropped) throw error
      return await this.#send(shorter)
    }
  }

  #send({ call }: Sent<C>): Promise<EventStream<E>> {
    return follow(this.#next, call, new InputLearner(this.#parts.estimator, call))
  }

  /** The conversation with at most `space` estimated tokens, as far as turns can be dropped: at least `least` of them. */
  #within(space: number, least = 0): Sent<C> {
    const { turns } = this.#sizes
    const dropped = Math.min(turns.droppable, Math.max(least, this.#sizes.toDrop(space)))
    if (dropped === 0) return { call: this.#call, dropped }
    const { request, target, warnings } = this.#call
    const warning = `${count(dropped)} dropped for ${target.provider.name}/${target.model}, whose context is too small`
    const messages = shorten(turns, dropped)
    return {
      call: { ...this.#call, request: { ...request, messages }, warnings: [...warnings, warning] },
      dropped,
    }
  }

  #mayAskAgain(): boolean {
    const { clock, isEnding, bound } = this.#parts
    const { context, firstEventBy } = this.#call
    const left = Math.min(context.deadline, firstEventBy) - clock.now()
    return left >= MIN_TIME && !isEnding() && !bound.isReached(this.#call) && !context.cancellation.reason
  }
}

function count(turns: number): string {
  return turns === 1 ? 'the oldest turn was' : `the ${turns} oldest turns were`
}
