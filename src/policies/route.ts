import type { Call } from '../domain/call.ts'
import type { Policy } from '../domain/chain.ts'
import type { Clock } from '../domain/clock.ts'
import { GatewayError } from '../domain/error.ts'
import type { EventStream } from '../domain/event-stream.ts'
import type { AnyEvent } from '../domain/events.ts'
import type { Planned, Routed, Target } from '../domain/facts.ts'
import type { Handler } from '../domain/follow.ts'
import type { Trail } from '../domain/trail.ts'
import { AttemptOutcome } from '../domain/types.ts'
import { allFailed, type Failure } from './all-failed.ts'

/** The least share of the deadline that an attempt of several gets for its first event, in ms. */
const LEAST_SHARE = 10_000
/** With less time left than this, in ms, no further attempt is begun. */
const LEAST_TIME = 200

/** Asks the targets in their order, until one has begun to answer. */
export function route(clock: Clock): Policy<Call & Planned, Routed> {
  return (next) => (call) => firstToAnswer(next, call, clock)
}

async function firstToAnswer<C extends Call & Planned, E extends AnyEvent>(
  next: Handler<C & Routed, E>,
  call: C,
  clock: Clock,
): Promise<EventStream<E>> {
  const { targets, context } = call
  const failures: Failure[] = []
  for (const [index, target] of targets.entries()) {
    if (!worthAsking(target, failures)) {
      passOver(target, context.trail)
      continue
    }
    if (index > 0 && context.deadline - clock.now() < LEAST_TIME) break
    context.trail.fallbackUsed = index > 0
    context.trail.warnings = []
    const firstEventBy = firstEventLimit(call, target, targets.length - index, clock.now())
    try {
      return await next({ ...call, target, firstEventBy })
    } catch (thrown) {
      const error = GatewayError.from(thrown)
      failures.push({ target, error })
      if (!error.fallback) break
    }
  }
  context.cancellation.throwIfCancelled()
  throw allFailed(failures)
}

function passOver({ provider, model }: Target, trail: Trail): void {
  trail.fail(trail.begin(provider.name, model), AttemptOutcome.SKIPPED, 'CONTEXT_LENGTH_EXCEEDED')
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
  return Math.min(own, now + Math.max(LEAST_SHARE, (context.deadline - now) / left))
}
