import type { Call } from '../../domain/call.ts'
import type { CallRecord } from '../../domain/call-record.ts'
import type { Policy } from '../../domain/chain.ts'
import type { Clock } from '../../domain/clock.ts'
import { GatewayError } from '../../domain/error.ts'
import type { EventStream } from '../../domain/event-stream.ts'
import type { AnyEvent } from '../../domain/events.ts'
import type { Planned, Routed, Target } from '../../domain/facts.ts'
import type { Handler } from '../../domain/follow.ts'
import { isOutcomeUnknown } from '../../domain/reasons.ts'
import { AttemptOutcome } from '../../domain/types.ts'
import { allFailed, type Failure } from './all-failed.ts'
import { MIN_TIME } from './min-time.ts'
import { startOver } from './start-over.ts'

const NO_WARNINGS: readonly string[] = []

/** The least time that one of several targets gets for its first event, in ms. */
const MIN_SHARE = 10_000

/**
 * Asks the targets in order until one begins to answer or, where the caller allows a reset, until one has answered.
 * While `isEnding` returns true, no further attempt is begun.
 */
export function route(clock: Clock, isEnding: () => boolean = () => false): Policy<Call & Planned, Routed> {
  return (next) => (call) => {
    const walk = new Walk(next, call, clock, isEnding)
    const answering = walk.firstToAnswer()
    if (!call.wishes.allowReset) return answering
    return answering.then((events) => startOver(events, call.context.cancellation, (error) => walk.goOn(error)))
  }
}

/** One call's walk along its targets. */
class Walk<C extends Call & Planned, E extends AnyEvent> {
  readonly #ask: Handler<C & Routed, E>
  readonly #call: C
  readonly #clock: Clock
  readonly #isEnding: () => boolean
  readonly #failures: Failure[] = []
  /** Index of the target that is asked next. */
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
        skipTooSmall(target, context.record)
        continue
      }
      const now = this.#clock.now()
      if (at > 0 && (this.#isEnding() || context.deadline - now < MIN_TIME)) break
      const firstEventBy = firstEventLimit(this.#call, target, targets.length - at, now)
      try {
        return await this.#ask({ ...this.#call, target, firstEventBy, fallback: at > 0, warnings: NO_WARNINGS })
      } catch (thrown) {
        const error = GatewayError.from(thrown)
        this.#failures.push({ target, error })
        if (!mayGoOn(error, target)) break
      }
    }
    context.cancellation.throwIfCancelled()
    throw allFailed(this.#failures)
  }

  /** Asks the targets that are left after the answering one broke off. Without another its error is the call's. */
  goOn(error: GatewayError): Promise<EventStream<E>> {
    this.#failures.push({ target: this.#call.targets[this.#index - 1] as Target, error }) // it was asked
    return this.firstToAnswer()
  }
}

function mayGoOn({ fallback, retry, reason }: GatewayError, { onUnknown }: Target): boolean {
  return fallback && (onUnknown !== 'fail' || retry || !isOutcomeUnknown(reason))
}

/** A conversation that was too long for one model goes only to models with a known larger window. */
function worthAsking(target: Target, failures: readonly Failure[]): boolean {
  const tooLong = failures.filter(({ error }) => error.reason === 'CONTEXT_LENGTH_EXCEEDED')
  if (tooLong.length === 0) return true
  const window = contextWindow(target)
  return window !== undefined && tooLong.every((failure) => window > (contextWindow(failure.target) ?? 0))
}

function skipTooSmall({ provider, model }: Target, record: CallRecord): void {
  record.fail(record.begin(provider.name, model), AttemptOutcome.SKIPPED, 'CONTEXT_LENGTH_EXCEEDED')
}

function contextWindow({ provider, model }: Target): number | undefined {
  return provider.describe(model).contextWindow
}

/**
 * With further targets left, a streamed attempt has only its share of the time to begin; the last one has all the rest.
 */
function firstEventLimit({ streamed, context }: Call, target: Target, left: number, now: number): number {
  const own = target.attemptTimeout === undefined ? Number.POSITIVE_INFINITY : now + target.attemptTimeout
  if (!streamed || left < 2) return own
  return Math.min(own, now + Math.max(MIN_SHARE, (context.deadline - now) / left))
}
