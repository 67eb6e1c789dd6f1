import type { Call } from '../../domain/call.ts'
import type { Policy } from '../../domain/chain.ts'
import type { Clock } from '../../domain/clock.ts'
import { GatewayError } from '../../domain/error.ts'
import type { EventStream } from '../../domain/event-stream.ts'
import type { AnyEvent } from '../../domain/events.ts'
import type { Planned, Routed, Target } from '../../domain/facts.ts'
import type { Handler } from '../../domain/follow.ts'
import { isOutcomeUnknown } from '../../domain/reasons.ts'
import { allFailed, type Failure } from './all-failed.ts'
import { MIN_TIME } from './min-time.ts'
import { skip } from './pass-over.ts'
import { startOver } from './start-over.ts'

/** The least share of the deadline that an attempt of several gets for its first event, in ms. */
const MIN_SHARE = 10_000

/**
 * Asks the targets in their order, until one has begun to answer; where the caller allows it, until one has answered.
 * `isEnding`: whether the gateway is about to end, so that no further attempt is begun.
 */
export function route(clock: Clock, isEnding: () => boolean = () => false): Policy<Call & Planned, Routed> {
  return (next) => (call) => {
    const { request, context } = call
    const walk = new Walk(next, call, clock, isEnding)
    const answering = walk.firstToAnswer()
    if (!('allowReset' in request && request.allowReset)) return answering
    return answering.then((events) => startOver(events, context.cancellation, (error) => walk.goOn(error)))
  }
}

/** The way of one call along its targets. */
class Walk<C extends Call & Planned, E extends AnyEvent> {
  readonly #ask: Handler<C & Routed, E>
  readonly #call: C
  readonly #clock: Clock
  readonly #isEnding: () => boolean
  readonly #failures: Failure[] = []
  /** Of the target that is asked next. */
  #index = 0

  constructor(ask: Handler<C & Routed, E>, call: C, clock: Clock, isEnding: () => boolean) {
    this.#ask = ask
    this.#call = call
    this.#clock = clock
    this.#isEnding = isEnding
  }

  async firstToAnswer(): Promise<EventStream<E>> {
    const { targets, context } = this.#call
    while (this.#index < targets.length) {
      const at = this.#index++
      const target = targets[at] as Target // at < length
      if (!worthAsking(target, this.#failures)) {
        skip(target, context.record, 'CONTEXT_LENGTH_EXCEEDED')
        continue
      }
      const now = this.#clock.now()
      if (at > 0 && (this.#isEnding() || context.deadline - now < MIN_TIME)) break
      context.record.fallbackUsed = at > 0
      context.record.warnings = []
      const firstEventBy = firstEventLimit(this.#call, target, targets.length - at, now)
      try {
        return await this.#ask({ ...this.#call, target, firstEventBy })
      } catch (thrown) {
        const error = GatewayError.from(thrown)
        this.#failures.push({ target, error })
        if (!mayGoOn(error, target)) break
      }
    }
    context.cancellation.throwIfCancelled()
    throw allFailed(this.#failures)
  }

  /** The target that answered has broken off. Without another its error is the call's. */
  goOn(error: GatewayError): Promise<EventStream<E>> {
    this.#failures.push({ target: this.#call.targets[this.#index - 1] as Target, error }) // it was asked
    return this.firstToAnswer()
  }
}

function mayGoOn({ fallback, retry, reason }: GatewayError, { onUnknown }: Target): boolean {
  return fallback && (onUnknown !== 'fail' || retry || !isOutcomeUnknown(reason))
}

/** A conversation that was too long for one model goes only to those that are known to take a longer one. */
function worthAsking(target: Target, failures: readonly Failure[]): boolean {
  const tooLong = failures.filter(({ error }) => error.reason === 'CONTEXT_LENGTH_EXCEEDED')
  if (tooLong.length === 0) return true
  const window = contextWindow(target)
  return window !== undefined && tooLong.every((failure) => window > (contextWindow(failure.target) ?? 0))
}

function contextWindow({ provider, model }: Target): number | undefined {
  return provider.describe(model).contextWindow
}

/** With targets left, a streamed attempt may use only its share of the time to begin; what follows has all the rest. */
function firstEventLimit({ operation, context }: Call, target: Target, left: number, now: number): number {
  const own = target.attemptTimeout === undefined ? Number.POSITIVE_INFINITY : now + target.attemptTimeout
  if (operation !== 'stream_chat' || left < 2) return own
  return Math.min(own, now + Math.max(MIN_SHARE, (context.deadline - now) / left))
}
