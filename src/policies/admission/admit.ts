import type { Call } from '../../domain/call.ts'
import type { Policy } from '../../domain/chain.ts'
import type { Clock } from '../../domain/clock.ts'
import { GatewayError } from '../../domain/error.ts'
import type { EventStream } from '../../domain/event-stream.ts'
import type { AnyEvent } from '../../domain/events.ts'
import type { Authenticated, Planned, Routed } from '../../domain/facts.ts'
import { follow, type Handler } from '../../domain/follow.ts'
import { MIN_TIME } from '../routing/min-time.ts'
import { skipTarget } from '../routing/pass-over.ts'
import type { ConcurrencyGate, Permit } from './concurrency-gate.ts'

/** Where upstream calls wait for one another. */
export interface Gates {
  /** By the name of the provider; those that are not there let everybody in. */
  readonly providers: ReadonlyMap<string, ConcurrencyGate>
  /** Of all providers together. */
  readonly process?: ConcurrencyGate | undefined
}

type Needs = Call & Authenticated & Planned & Routed

/** Only so many calls at once at one provider. One that is refused goes on to the next target. */
export function admitToProvider({ providers }: Gates, clock: Clock): Policy<Needs> {
  return (next) => {
    if (providers.size === 0) return next
    return (call) => {
      const gate = providers.get(call.target.provider.name)
      return gate ? admit({ gate, clock, fallback: true }, next, call) : next(call)
    }
  }
}

/** Only so many upstream calls at once. */
export function admitToProcess({ process: gate }: Gates, clock: Clock): Policy<Needs> {
  return (next) => (gate ? (call) => admit({ gate, clock, fallback: false }, next, call) : next)
}

interface Entrance {
  readonly gate: ConcurrencyGate
  readonly clock: Clock
  /** Whether who is refused may go on to another target. */
  readonly fallback: boolean
}

function admit<C extends Needs, E extends AnyEvent>(
  entrance: Entrance,
  next: Handler<C, E>,
  call: C,
): Promise<EventStream<E>> {
  const permit = entrance.gate.tryEnter()
  return permit ? follow(next, call, permit) : admitLater(entrance, next, call)
}

async function admitLater<C extends Needs, E extends AnyEvent>(
  entrance: Entrance,
  next: Handler<C, E>,
  call: C,
): Promise<EventStream<E>> {
  const { target, context } = call
  const { keys } = target.provider
  // Without a key it would be passed over when its turn had come.
  if (keys && keys.wait(target.model) > 0) throw skipTarget(target, context.record, keys.refusal(target.model))
  const permit = await turnOf(call, entrance)
  const { cancellation } = context
  // It may have been cancelled between its turn and now.
  if (cancellation.reason) {
    permit.end()
    throw cancellation.reason
  }
  return follow(next, call, permit)
}

async function turnOf(call: Needs, { gate, clock, fallback }: Entrance): Promise<Permit> {
  const { caller, context, target } = call
  const { provider, model } = target
  const since = clock.now()
  const until = latestStart(call, since)
  try {
    return await gate.enter({ caller: caller.name, until, cancellation: context.cancellation })
  } catch (thrown) {
    const error = GatewayError.from(thrown)
    if (error.reason !== 'CONCURRENCY_LIMITED') throw error
    const who = fallback ? `${provider.name}/${model}` : 'The gateway'
    const facts = { ...error.facts, fallback, cause: error, ...(fallback && { provider: provider.name, model }) }
    throw skipTarget(target, context.record, new GatewayError(error.reason, `${who} is busy: ${error.message}`, facts))
  } finally {
    context.record.queued += clock.now() - since
  }
}

/** With targets left, a call waits for its share of the time only. */
function latestStart({ context, target, targets, firstEventBy }: Needs, now: number): number {
  const left = Math.max(1, targets.length - Math.max(0, targets.indexOf(target)))
  const share = now + (context.deadline - now) / left
  return Math.min(context.deadline - MIN_TIME, firstEventBy, share)
}
