import type { Call } from '../../domain/calls/call.ts'
import type { Authenticated } from '../../domain/calls/facts.ts'
import { making, type Policy } from '../../domain/chain.ts'
import type { Clock } from '../../domain/clock.ts'
import type { IdempotencyStore } from '../../domain/ports/idempotency.ts'
import type { AnyEvent } from '../../domain/streams/events.ts'
import { KeyedCalls } from './keyed-calls.ts'

/**
 * Runs a call with an idempotency key once: repeats of it join it while it runs, and then receive its result. Calls
 * without a key pass.
 */
export function runOnce<E extends AnyEvent>(
  store: IdempotencyStore | undefined,
  clock: Clock,
): Policy<Call & Authenticated, unknown, E> {
  return making<Call & Authenticated, E>((next) => {
    if (!store) return next
    const calls = new KeyedCalls<E>(store, clock)
    return (call) => {
      const key = call.context.idempotencyKey
      return key === undefined ? next(call) : calls.answer(next, call, key)
    }
  })
}
