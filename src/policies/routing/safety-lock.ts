import type { Call } from '../../domain/calls/call.ts'
import type { Routed } from '../../domain/calls/facts.ts'
import { operations } from '../../domain/calls/operations.ts'
import type { Policy } from '../../domain/chain.ts'
import { isClearAboutKey } from '../../domain/errors/blame.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import type { EventStream } from '../../domain/streams/event-stream.ts'
import type { AnyEvent } from '../../domain/streams/events.ts'
import type { Handler } from '../../domain/streams/follow.ts'
import type { SafetyLock, SafetyLocks } from './safety-locks.ts'

/**
 * Sends the calls of a provider that is rate limited, with no key left, to a target that the operator chose, until a
 * key can be used again. That target comes before the call's further targets. Does not apply to calls without fallback,
 * nor to embeddings unless the model is the same.
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
    const use = { model: limited.model, task: operations[call.operation].task }
    const keysLeft = (limited.provider.keys?.wait(use) ?? 0) === 0
    if (!isRateLimit(error) || keysLeft || context.cancellation.reason) throw error
    lock.divert(limited, use)
    const instead = `${lock.target.provider.name}/${lock.target.model}`
    const warnings = [`${limited.provider.name} is rate limited: its calls go to ${instead} until it is not`]
    try {
      return await next({ ...call, target: lock.target, fallback: true, warnings })
    } catch (failure) {
      // The rate limit passes by itself, so it is the better error; the attempts report why the other target failed.
      throw GatewayError.from(failure).code === 'INVALID_ARGUMENT' ? failure : error
    }
  }
}

/** Only what is clear: a limit that one request exceeds alone must not divert the calls of others. */
function isRateLimit({ blame, code }: GatewayError): boolean {
  return isClearAboutKey(blame) && code === 'RESOURCE_EXHAUSTED'
}
