import type { Call } from '../../domain/calls/call.ts'
import type { CallRecord } from '../../domain/calls/call-record.ts'
import { contextWindow } from '../../domain/calls/context-window.ts'
import type { Planned, Routed, Target } from '../../domain/calls/facts.ts'
import type { Policy } from '../../domain/chain.ts'
import type { Clock } from '../../domain/clock.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import { isOutcomeUnknown } from '../../domain/errors/reasons.ts'
import type { EventStream } from '../../domain/streams/event-stream.ts'
import type { AnyEvent } from '../../domain/streams/events.ts'
import type { Handler } from '../../domain/streams/follow.ts'
import { AttemptOutcome, ContextOverflow } from '../../domain/types.ts'
import { overflowAt } from '../conversations/rules.ts'
import { allFailed, type Failure } from './all-failed.ts'
import { type AttemptBound, attemptBound } from './attempt-bound.ts'
import { MIN_TIME } from './min-time.ts'
import { startOver } from './start-over.ts'

const NO_WARNINGS: readonly string[] = []

/** Minimum time for the first event of a target that is not the last one, in ms. */
const MIN_SHARE = 10_000

/**
 * Asks the targets in order until one starts to respond. If the caller allows a reset, the next target is asked even
 * when a response breaks off later. While `isEnding` returns true, no further target is asked.
 */
export function route(
  clock: Clock,
  isEnding: () => boolean = () => false,
  bound: AttemptBound = attemptBound(),
): Policy<Call & Planned, Routed> {
  return (next) => (call) => {
    const walk = new Walk(next, call, { clock, isEnding, bound })
    const answering = walk.firstToAnswer()
    if (!call.wishes.allowReset) return answering
    return answering.then((events) => startOver(events, call.context.cancellation, (error) => walk.goOn(error)))
  }
}

interface WalkTools {
  readonly clock: Clock
  readonly isEnding: () => boolean
  readonly bound: AttemptBound
}

/** Progress of one call along its targets. */
class Walk<C extends Call & Planned, E extends AnyEvent> {
  readonly #ask: Handler<C & Routed, E>
  readonly #call: C
  readonly #tools: WalkTools
  readonly #failures: Failure[] = []
  /** Index of the target that is asked next. */
  #index = 0
  /** Set when a target refused the request as invalid: one further target is asked, then no more. */
  #isLastTry = false

  constructor(ask: Handler<C & Routed, E>, call: C, tools: WalkTools) {
    this.#ask = ask
    this.#call = call
    this.#tools = tools
  }

  async firstToAnswer(): Promise<EventStream<E>> {
    const { targets, context } = this.#call
    const { clock, isEnding, bound } = this.#tools
    while (this.#index < targets.length) {
      const at = this.#index++
      const target = targets[at] as Target // at < length
      if (!worthAsking(this.#call, target, this.#failures)) {
        skipTooSmall(target, context.record)
        continue
      }
      const now = clock.now()
      const isTooLate = isEnding() || context.deadline - now < MIN_TIME
      if (at > 0 && (isTooLate || bound.isReached({ ...this.#call, target }))) break
      const firstEvent = firstEventLimit(this.#call, target, targets.length - at, now)
      try {
        return await this.#ask({ ...this.#call, target, ...firstEvent, fallback: at > 0, warnings: NO_WARNINGS })
      } catch (thrown) {
        const error = GatewayError.from(thrown)
        this.#failures.push({ target, error })
        if (this.#isLastTry || !this.#mayGoOn(error, target)) break
      }
    }
    context.cancellation.throwIfCancelled()
    throw allFailed(this.#failures)
  }

  #mayGoOn(error: GatewayError, target: Target): boolean {
    if (mayGoOn(error, target)) return true
    this.#isLastTry = target.onInvalid === 'next' && isInvalid(error)
    return this.#isLastTry
  }

  /** Asks the remaining targets after a response broke off. Its error counts as one of the call's failures. */
  goOn(error: GatewayError): Promise<EventStream<E>> {
    this.#failures.push({ target: this.#call.targets[this.#index - 1] as Target, error }) // it was asked
    return this.firstToAnswer()
  }
}

function mayGoOn({ fallback, retry, reason }: GatewayError, { onUnknown }: Target): boolean {
  return fallback && (onUnknown !== 'fail' || retry || !isOutcomeUnknown(reason))
}

/** Whether the vendor refused the request as invalid. */
function isInvalid({ reason, facts }: GatewayError): boolean {
  return reason === 'UPSTREAM_INVALID_REQUEST' && facts.upstream?.status === 400
}

/**
 * A request that was too long for one model goes only to models whose context window is known to be larger, and to those
 * for which it is made shorter.
 */
function worthAsking(call: Call & Planned, target: Target, failures: readonly Failure[]): boolean {
  const tooLong = failures.filter(({ error }) => error.reason === 'CONTEXT_LENGTH_EXCEEDED')
  if (tooLong.length === 0 || overflowAt(call, target) !== ContextOverflow.ERROR) return true
  const { request } = call
  const window = contextWindow(target, request)
  return window !== undefined && tooLong.every((failure) => window > (contextWindow(failure.target, request) ?? 0))
}

function skipTooSmall({ provider, model }: Target, record: CallRecord): void {
  record.fail(record.begin(provider.name, model), AttemptOutcome.SKIPPED, 'CONTEXT_LENGTH_EXCEEDED')
}

/**
 * Time limit for the first event. A streamed attempt with further targets after it gets an equal share of the remaining
 * time, the last target all of it. The attempt timeout of a target can shorten both.
 */
function firstEventLimit({ streamed, context }: Call, target: Target, left: number, now: number) {
  const own = target.attemptTimeout === undefined ? Number.POSITIVE_INFINITY : now + target.attemptTimeout
  if (!streamed || left < 2) return { firstEventBy: own, isShare: false }
  const share = now + Math.max(MIN_SHARE, (context.deadline - now) / left)
  return { firstEventBy: Math.min(own, share), isShare: share < own }
}
