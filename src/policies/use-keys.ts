import type { Call } from '../domain/calls/call.ts'
import type { Authenticated, Kept, Keyed, Routed } from '../domain/calls/facts.ts'
import { operations } from '../domain/calls/operations.ts'
import type { Policy } from '../domain/chain.ts'
import type { Clock } from '../domain/clock.ts'
import { isAboutKey } from '../domain/errors/blame.ts'
import { GatewayError } from '../domain/errors/error.ts'
import { holderOf, witnessOf } from '../domain/limits/holder.ts'
import type { KeyPool, KeyUse } from '../domain/ports/keys.ts'
import type { EventStream } from '../domain/streams/event-stream.ts'
import type { AnyEvent } from '../domain/streams/events.ts'
import { follow, type Handler } from '../domain/streams/follow.ts'
import { type AttemptBound, attemptBound } from './routing/attempt-bound.ts'
import { MIN_TIME } from './routing/min-time.ts'
import { skipTarget } from './routing/skip-target.ts'

/** Two waits that differ by less, in ms, are reported as one. */
const SAME_WAIT = 50
/**
 * Answers that may be about the request: after this many from different keys of one target, no further key is tried.
 */
const MAX_DOUBTFUL = 2

type Needs = Call & Authenticated & Kept & Routed

/**
 * Gives each attempt a key of its provider. A failure that may be the key's is followed by an attempt with the next
 * one: through the whole pool where it is clear that it is the key's, once where it may be the request's. A target
 * whose keys all rest is skipped at once.
 */
export function useKeys(clock: Clock, bound: AttemptBound = attemptBound()): Policy<Needs, Keyed> {
  return (next) => (call) => {
    const { keys } = call.target.provider
    return keys ? tryKeys(next, call, keys, { clock, bound }) : next({ ...call, key: undefined })
  }
}

/** What a call needs a key for. */
export function keyUseOf(call: Call & Authenticated & Routed, prefer?: string): KeyUse {
  return { model: call.target.model, task: operations[call.operation].task, caller: holderOf(call), prefer }
}

/** Key of the conversation, if its target is the one that is asked. */
function keptKey({ session, target }: Needs): string | undefined {
  const isAsked = session?.provider === target.provider.name && session.model === target.model
  return isAsked ? session.keyId : undefined
}

async function tryKeys<C extends Needs, E extends AnyEvent>(
  next: Handler<C & Keyed, E>,
  call: C,
  keys: KeyPool,
  { clock, bound }: { clock: Clock; bound: AttemptBound },
): Promise<EventStream<E>> {
  const { context } = call
  const use = keyUseOf(call, keptKey(call))
  const witness = () => witnessOf(call)
  let failure: GatewayError | undefined
  let doubtful = 0
  let tried: Set<string> | undefined
  for (let key = keys.take(use, witness); key; key = keys.take(use, witness, tried)) {
    try {
      return await follow(next, { ...call, key }, key)
    } catch (thrown) {
      const error = aboutKey(thrown, call)
      if (error.blame === 'maybe key') doubtful++
      failure = failure ? moreHelpful(failure, error) : error
    }
    const isLate = context.deadline - clock.now() < MIN_TIME
    if (isLate || doubtful === MAX_DOUBTFUL || bound.isReached(call)) break
    tried = (tried ?? new Set()).add(key.keyId)
  }
  throw failure ? withSoonerReturn(failure, keys, use) : skipTarget(call, keys.refusal(use))
}

/** The failure, where another key may do better; throws it otherwise. */
function aboutKey(thrown: unknown, { context }: Call): GatewayError {
  const error = GatewayError.from(thrown)
  if (!isAboutKey(error.blame) || context.cancellation.reason) throw error
  return error
}

/** Picks the more helpful of two failures: one that passes by itself and, if both do, the one that passes first. */
function moreHelpful(a: GatewayError, b: GatewayError): GatewayError {
  if (a.code !== 'RESOURCE_EXHAUSTED') return b
  if (b.code !== 'RESOURCE_EXHAUSTED') return a
  return waitOf(a) < waitOf(b) ? a : b
}

function waitOf({ facts }: GatewayError): number {
  return facts.retryAfter ?? Number.POSITIVE_INFINITY
}

/** A key that was not tried now may be back before those that were. */
function withSoonerReturn(failure: GatewayError, keys: KeyPool, use: KeyUse): GatewayError {
  // Where the answer may be about the request, another key helps no more.
  if (failure.blame === 'maybe key') return failure
  const wait = keys.wait(use)
  if (failure.facts.retryAfter === undefined || wait + SAME_WAIT > failure.facts.retryAfter) return failure
  return new GatewayError(failure.reason, failure.message, { ...failure.facts, retryAfter: wait })
}
