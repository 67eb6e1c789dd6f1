import type { Call } from '../../domain/call.ts'
import type { Policy } from '../../domain/chain.ts'
import { GatewayError } from '../../domain/error.ts'
import type { EventStream } from '../../domain/event-stream.ts'
import type { AnyEvent } from '../../domain/events.ts'
import type { Routed } from '../../domain/facts.ts'
import type { Handler } from '../../domain/follow.ts'
import { operations } from '../../domain/operations.ts'
import type { SafetyLock, SafetyLocks } from './safety-locks.ts'

/**
 * A provider that is rate limited, with no key left, has its calls answered by a target of the operator's own until a
 * key is back: before the call's further targets, and where it has none. Not for a caller that wants no fallback, nor
 * for vectors, unless the model is the same.
 */
export function safetyLock(locks: SafetyLocks): Policy<Call & Routed> {
  return (next) => (call) => {
    const lock = locks.of(call.target.provider.name)
    return lock && mayGoTo(lock, call) ? orDivert(lock, next, call) : next(call)
  }
}

function mayGoTo({ target }: SafetyLock, call: Call & Routed): boolean {
  if (operations[call.operation].oneModel && target.model !== call.target.model) return false
  return !call.wishes.disableFallback
}

async function orDivert<C extends Call & Routed, E extends AnyEvent>(
  lock: SafetyLock,
  next: Handler<C, E>,
  call: C,
): Promise<EventStream<E>> {
  const { target: limited, context } = call
  try {
    return await next(call)
  } catch (thrown) {
    const error = GatewayError.from(thrown)
    const keysLeft = (limited.provider.keys?.wait(limited.model) ?? 0) === 0
    if (!isRateLimit(error) || keysLeft || context.cancellation.reason) throw error
    lock.divert(limited)
    const instead = `${lock.target.provider.name}/${lock.target.model}`
    const warnings = [`${limited.provider.name} is rate limited: its calls go to ${instead} until it is not`]
    try {
      return await next({ ...call, target: lock.target, fallback: true, warnings })
    } catch (failure) {
      // Of the two it is the limit that passes by itself. Why the other failed is told in the attempts.
      throw GatewayError.from(failure).code === 'INVALID_ARGUMENT' ? failure : error
    }
  }
}

function isRateLimit({ reason }: GatewayError): boolean {
  return reason === 'UPSTREAM_RATE_LIMITED' || reason === 'UPSTREAM_QUOTA_EXHAUSTED'
}
