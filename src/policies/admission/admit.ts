import type { Call } from '../../domain/calls/call.ts'
import type { Authenticated, Observed, Planned, Routed } from '../../domain/calls/facts.ts'
import type { Policy } from '../../domain/chain.ts'
import type { Clock } from '../../domain/clock.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import { holderOf } from '../../domain/limits/holder.ts'
import type { EventStream } from '../../domain/streams/event-stream.ts'
import type { AnyEvent } from '../../domain/streams/events.ts'
import { follow, type Handler } from '../../domain/streams/follow.ts'
import { MIN_TIME } from '../routing/min-time.ts'
import { skipTarget } from '../routing/skip-target.ts'
import { keyUseOf } from '../use-keys.ts'
import type { ConcurrencyGate, Permit } from './concurrency-gate.ts'

/** Gates that bound the number of upstream calls under way. */
export interface Gates {
  /** By name of the provider; a provider without a gate is not bounded. */
  readonly providers: ReadonlyMap<string, ConcurrencyGate>
  /** For all providers together. */
  readonly process?: ConcurrencyGate | undefined
}

type Needs = Call & Observed & Authenticated & Planned & Routed

/** Bounds the calls under way at one provider. A refused call goes on to its next target. */
export function admitToProvider({ providers }: Gates, clock: Clock): Policy<Needs> {
  return (next) => {
    if (providers.size === 0) return next
    return (call) => {
      const gate = providers.get(call.target.provider.name)
      return gate ? admit({ gate, clock, fallback: true }, next, call) : next(call)
    }
  }
}

/** Bounds the upstream calls under way. */
export function admitToProcess({ process: gate }: Gates, clock: Clock): Policy<Needs> {
  return (next) => (gate ? (call) => admit({ gate, clock, fallback: false }, next, call) : next)
}

interface Entrance {
  readonly gate: ConcurrencyGate
  readonly clock: Clock
  /** Whether a refused call may go on to another target. */
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
  // Without a usable key the target would be skipped when the call's turn came.
  const use = keyUseOf(call)
  if (keys && keys.wait(use) > 0) throw skipTarget(call, keys.refusal(use))
  const permit = await turnOf(call, entrance)
  const { cancellation } = context
  // The call may have been cancelled since its turn came.
  if (cancellation.reason) {
    permit.end()
    throw cancellation.reason
  }
  return follow(next, call, permit)
}

async function turnOf(call: Needs, { gate, clock, fallback }: Entrance): Promise<Permit> {
  const { context, target, telemetry } = call
  const { provider, model } = target
  const since = clock.now()
  const until = latestStart(call, since)
  try {
    return await gate.enter({
      caller: holderOf(call),
      background: context.background === true,
      until,
      cancellation: context.cancellation,
    })
  } catch (thrown) {
    const error = GatewayError.from(thrown)
    if (error.reason !== 'CONCURRENCY_LIMITED') throw error
    const who = fallback ? `${provider.name}/${model}` : 'The gateway'
    const facts = { ...error.facts, fallback, cause: error, ...(fallback && { provider: provider.name, model }) }
    throw skipTarget(call, new GatewayError(error.reason, `${who} is busy: ${error.message}`, facts))
  } finally {
    telemetry.queued(clock.now() - since)
  }
}

/** With further targets left, a call waits no longer than its share of the time. */
function latestStart({ context, target, targets, firstEventBy }: Needs, now: number): number {
  const left = Math.max(1, targets.length - Math.max(0, targets.indexOf(target)))
  const share = now + (context.deadline - now) / left
  return Math.min(context.deadline - MIN_TIME, firstEventBy, share)
}
