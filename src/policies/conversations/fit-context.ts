import type { Call } from '../../domain/calls/call.ts'
import { chargedSum } from '../../domain/calls/charged-sum.ts'
import { contextWindow } from '../../domain/calls/context-window.ts'
import type { Authenticated, Billed, Observed, Planned, Routed } from '../../domain/calls/facts.ts'
import type { Policy } from '../../domain/chain.ts'
import type { Clock } from '../../domain/clock.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import type { Reason } from '../../domain/errors/reasons.ts'
import type { EventStream } from '../../domain/streams/event-stream.ts'
import type { AnyEvent } from '../../domain/streams/events.ts'
import { follow, type Handler } from '../../domain/streams/follow.ts'
import { type ChatRequest, ContextOverflow, type Message } from '../../domain/types.ts'
import type { Estimator } from '../estimating/estimator.ts'
import type { AttemptBound } from '../routing/attempt-bound.ts'
import { MIN_TIME } from '../routing/min-time.ts'
import { InputLearner } from './input-learner.ts'
import { overflowAt, summarizerFor } from './rules.ts'
import { shorten } from './shorten.ts'
import { Sizes } from './sizes.ts'
import { inputSpace, spaceAfterRefusal } from './space.ts'
import type { Summarizer } from './summaries/summarizer.ts'
import { type SummaryOfTurns, TurnSummaries } from './summaries/turn-summaries.ts'

export interface FitParts {
  readonly estimator: Estimator
  readonly summarizer: Summarizer
  readonly clock: Clock
  /** Whether the gateway is about to end and begins no further attempts. */
  readonly isEnding: () => boolean
  readonly bound: AttemptBound
}

type Needs = Call<ChatRequest> & Observed & Authenticated & Planned & Billed & Routed

/**
 * Makes a conversation short enough for the context window of the target, where the call or its alias wants that. If the
 * vendor refuses it as too long all the same, the target is asked once more with less.
 */
export function fitContext(parts: FitParts): Policy<Needs> {
  return (next) => (call) => {
    const overflow = overflowAt(call, call.target)
    if (overflow === ContextOverflow.ERROR) return next(call)
    const alias = overflow === ContextOverflow.SUMMARIZE ? summarizerFor(call, call.target) : undefined
    return new Fitting(parts, next, call, alias).ask()
  }
}

/** What is sent of a conversation. */
interface Sent<C> {
  readonly call: C
  /** Number of turns that are dropped or summarized. */
  readonly gone: number
  readonly tokens: number
}

/** One call at one target. */
class Fitting<C extends Needs, E extends AnyEvent> {
  readonly #parts: FitParts
  readonly #next: Handler<C, E>
  readonly #call: C
  readonly #sizes: Sizes
  /** Undefined where turns are dropped without a summary. */
  readonly #summaries: TurnSummaries | undefined

  constructor(parts: FitParts, next: Handler<C, E>, call: C, alias: string | undefined) {
    this.#parts = parts
    this.#next = next
    this.#call = call
    this.#sizes = new Sizes(call, call.request, parts.estimator)
    if (alias !== undefined) this.#summaries = new TurnSummaries(parts.summarizer, alias, call, this.#sizes)
  }

  async ask(): Promise<EventStream<E>> {
    const window = contextWindow(this.#call.target, this.#call.request)
    const sent = await this.#within(window === undefined ? Number.POSITIVE_INFINITY : inputSpace(this.#call, window))
    try {
      return await this.#send(sent)
    } catch (thrown) {
      const error = GatewayError.from(thrown)
      if (error.reason !== 'CONTEXT_LENGTH_EXCEEDED' || !this.#mayAskAgain(sent)) throw error
      const space = spaceAfterRefusal(this.#call, sent.tokens, error.facts.sizes)
      return await this.#send(await this.#within(space, sent.gone + 1))
    }
  }

  #send({ call }: Sent<C>): Promise<EventStream<E>> {
    const left = withoutSpent(call)
    return follow(this.#next, left, new InputLearner(this.#parts.estimator, left))
  }

  /** The conversation with at most `space` tokens, as far as turns can be dropped; without at least `least` of them. */
  async #within(space: number, least = 0): Promise<Sent<C>> {
    const { turns } = this.#sizes
    const gone = Math.max(least, this.#sizes.toDrop(space))
    if (gone === 0) return { call: this.#call, gone, tokens: this.#sizes.without(0) }
    const summary = await this.#summary(space, gone)
    if (!summary || 'failed' in summary) {
      return this.#sent(
        gone,
        shorten(turns, gone),
        summary ? `dropped, because they could not be summarized (${summary.failed})` : 'dropped',
      )
    }
    const { count, message } = summary
    return this.#sent(count, shorten(turns, count, message), 'summarized', this.#sizes.of([message]))
  }

  /** A summary in the place of at least `least` turns, or why there is none; undefined where none is wanted. */
  async #summary(space: number, least: number): Promise<SummaryOfTurns | { readonly failed: Reason } | undefined> {
    try {
      return await this.#summaries?.within(space, least)
    } catch (thrown) {
      this.#call.context.cancellation.throwIfCancelled()
      return { failed: GatewayError.from(thrown).reason }
    }
  }

  #sent(gone: number, messages: Message[], how: string, further = 0): Sent<C> {
    const { request, target, warnings } = this.#call
    const turns = gone === 1 ? 'the oldest turn was' : `the ${gone} oldest turns were`
    const warning = `the context of ${target.provider.name}/${target.model} is too small: ${turns} ${how}`
    return {
      call: { ...this.#call, request: { ...request, messages }, warnings: [...warnings, warning] },
      gone,
      tokens: this.#sizes.without(gone) + further,
    }
  }

  #mayAskAgain({ gone }: Sent<C>): boolean {
    const { clock, isEnding, bound } = this.#parts
    const { context, firstEventBy } = this.#call
    if (gone >= this.#sizes.turns.droppable || isEnding() || bound.isReached(this.#call)) return false
    return Math.min(context.deadline, firstEventBy) - clock.now() >= MIN_TIME && !context.cancellation.reason
  }
}

/** The call with what its summaries have left of the most that it may cost. */
function withoutSpent<C extends Needs>(call: C): C {
  const { wishes, context } = call
  if (wishes.maxCost === undefined || context.record.sideCalls.length === 0) return call
  const spent = chargedSum(context.record.sideCalls.flatMap(({ attempts }) => attempts))?.cost ?? 0
  return { ...call, wishes: { ...wishes, maxCost: Math.max(0, wishes.maxCost - spent) } }
}
