import type { Call } from '../domain/call.ts'
import type { Policy } from '../domain/chain.ts'
import type { Clock } from '../domain/clock.ts'
import { GatewayError } from '../domain/error.ts'
import type { EventStream } from '../domain/event-stream.ts'
import type { AnyEvent } from '../domain/events.ts'
import type { Keyed, Routed } from '../domain/facts.ts'
import { follow, type Handler } from '../domain/follow.ts'
import type { KeyPool } from '../domain/ports/keys.ts'
import { MIN_TIME } from './routing/min-time.ts'
import { skipTarget } from './routing/skip-target.ts'

/** Two waits that differ by less, in ms, are told as one. */
const SAME_WAIT = 50

/**
 * Gives each attempt a key of its provider. One that fails because of its key is followed by another with the next one;
 * each is an attempt of its own. A target whose keys all rest is passed over at once.
 */
export function useKeys(clock: Clock): Policy<Call & Routed, Keyed> {
  return (next) => (call) => {
    const { keys } = call.target.provider
    return keys ? tryKeys(next, call, keys, clock) : next({ ...call, key: undefined })
  }
}

async function tryKeys<C extends Call & Routed, E extends AnyEvent>(
  next: Handler<C & Keyed, E>,
  call: C,
  keys: KeyPool,
  clock: Clock,
): Promise<EventStream<E>> {
  const { context, target } = call
  let failure: GatewayError | undefined
  // Each key once: one whose rest is short may be back already.
  for (let tried = 0; tried < keys.size; tried++) {
    const key = keys.take(target.model)
    if (!key) break
    try {
      return await follow(next, { ...call, key }, key)
    } catch (thrown) {
      const error = GatewayError.from(thrown)
      if (!error.facts.key || context.cancellation.reason) throw error
      failure = failure ? moreHelpful(failure, error) : error
    }
    if (context.deadline - clock.now() < MIN_TIME) break
  }
  throw failure ? withSoonerReturn(failure, keys, target.model) : skipTarget(call, keys.refusal(target.model))
}

/** Of two failures of one target the one that passes by itself, and of those the one that passes first. */
function moreHelpful(a: GatewayError, b: GatewayError): GatewayError {
  if (a.code !== 'RESOURCE_EXHAUSTED') return b
  if (b.code !== 'RESOURCE_EXHAUSTED') return a
  return waitOf(a) < waitOf(b) ? a : b
}

function waitOf({ facts }: GatewayError): number {
  return facts.retryAfter ?? Number.POSITIVE_INFINITY
}

/** A key that was not tried now may be back before those that were. */
function withSoonerReturn(failure: GatewayError, keys: KeyPool, model: string): GatewayError {
  const wait = keys.wait(model)
  if (failure.facts.retryAfter === undefined || wait + SAME_WAIT > failure.facts.retryAfter) return failure
  return new GatewayError(failure.reason, failure.message, { ...failure.facts, retryAfter: wait })
}
