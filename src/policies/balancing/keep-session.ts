import type { Call } from '../../domain/calls/call.ts'
import type { AttemptRecord } from '../../domain/calls/call-record.ts'
import type { Authenticated, Kept, Planned, Strategy } from '../../domain/calls/facts.ts'
import type { Policy } from '../../domain/chain.ts'
import { holderOf } from '../../domain/limits/holder.ts'
import type { Breakers } from '../../domain/ports/breakers.ts'
import { BreakerState } from '../../domain/types.ts'
import type { SessionName, Sessions } from './sessions.ts'

/** Strategies that would send the calls of a conversation to several targets. */
const scattering: readonly Strategy[] = ['weighted', 'least_latency']

/**
 * Keeps a conversation on the target and the key that served it last, where the vendor has its prompt in the cache. A
 * target whose breaker is open is not asked first, and the one that answers in its place is remembered from then on.
 */
export function keepSession(sessions: Sessions, breakers: Breakers): Policy<Call & Authenticated & Planned, Kept> {
  return (next) => (call) => {
    const name = sessionOf(call)
    // `createCall` has set the fact to undefined.
    if (!name) return next(call as typeof call & Kept)
    const place = sessions.placeOf(name)
    const isHealthy = place && breakers.stateOf(place.provider, place.model) !== BreakerState.OPEN
    return next({ ...call, session: isHealthy ? place : undefined }).then((events) => {
      const answering = call.context.record.attempts.at(-1)
      if (answering) sessions.remember(name, placeOf(answering))
      return events
    })
  }
}

function sessionOf(call: Call & Authenticated & Planned): SessionName | undefined {
  const { sessionId } = call.request
  const [first] = call.targets
  if (sessionId === '' || !first?.alias || !first.choice || !scattering.includes(first.choice.strategy))
    return undefined
  return { holder: holderOf(call), alias: first.alias, sessionId }
}

function placeOf({ provider, model, keyId }: AttemptRecord) {
  return { provider, model, keyId }
}
