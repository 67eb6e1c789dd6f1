import type { Call } from '../domain/call.ts'
import type { Policy } from '../domain/chain.ts'
import type { Clock } from '../domain/clock.ts'
import { GatewayError } from '../domain/error.ts'
import type { EventStream } from '../domain/event-stream.ts'
import type { AnyEvent } from '../domain/events.ts'
import type { Authenticated, Planned, Routed } from '../domain/facts.ts'
import { follow, type Handler } from '../domain/follow.ts'
import { AttemptOutcome } from '../domain/types.ts'
import type { Gate, Permit } from './gate.ts'

/** What must be left of the time to the deadline when a call has been let in, in ms. */
const LEAST_TIME = 200

/** Where upstream calls wait for one another. */
export interface Gates {
  /** By the name of the provider; those that are not there let everybody in. */
  readonly providers: ReadonlyMap<string, Gate>
  /** Of all providers together. */
  readonly process?: Gate | undefined
}

type Needs = Call & Authenticated & Planned & Routed

/** Only so many calls at once at one provider. One that is refused goes on to the next target. */
export function admitToProvider({ providers }: Gates, clock: Clock): Policy<Needs> {
  return (next) => {
    if (providers.size === 0) return next
    return (call) => {
      const gate = providers.get(call.target.provider.name)
      return gate ? admit(gate, next, call, true, clock) : next(call)
    }
  }
}

/** Only so many upstream calls at once. */
export function admitToProcess({ process: gate }: Gates, clock: Clock): Policy<Needs> {
  return (next) => (gate ? (call) => admit(gate, next, call, false, clock) : next)
}

async function admit<C extends Needs, E extends AnyEvent>(
  gate: Gate,
  next: Handler<C, E>,
  call: C,
  fallback: boolean,
  clock: Clock,
): Promise<EventStream<E>> {
  const permit = await enter(gate, call, fallback, clock.now())
  const { cancellation } = call.context
  if (cancellation.reason) {
    permit.end()
    throw cancellation.reason
  }
  return follow(next, call, permit)
}

async function enter(gate: Gate, call: Needs, fallback: boolean, now: number): Promise<Permit> {
  const { caller, context, target } = call
  const { provider, model } = target
  try {
    return await gate.enter({ caller: caller.name, until: latestStart(call, now), cancellation: context.cancellation })
  } catch (thrown) {
    const error = GatewayError.from(thrown)
    if (error.reason !== 'CONCURRENCY_LIMITED') throw error
    context.trail.fail(context.trail.begin(provider.name, model), AttemptOutcome.SKIPPED, error.reason)
    const where = fallback ? `${provider.name}/${model}` : 'The gateway'
    throw new GatewayError(error.reason, `${where}: ${error.message}`, { ...error.facts, fallback, cause: error })
  }
}

/** With targets left, a call waits for its share of the time only. */
function latestStart({ context, target, targets, firstEventBy }: Needs, now: number): number {
  const left = Math.max(1, targets.length - Math.max(0, targets.indexOf(target)))
  const share = now + (context.deadline - now) / left
  return Math.min(context.deadline - LEAST_TIME, firstEventBy, share)
}
