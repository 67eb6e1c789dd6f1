import type { Call } from '../../domain/calls/call.ts'
import type { Authenticated, Routed, Target } from '../../domain/calls/facts.ts'
import { operations } from '../../domain/calls/operations.ts'
import type { Policy } from '../../domain/chain.ts'
import type { Clock } from '../../domain/clock.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import { holderOf, witnessOf } from '../../domain/limits/holder.ts'
import type { Watcher } from '../../domain/streams/event-stream.ts'
import type { AnyEvent } from '../../domain/streams/events.ts'
import { skipTarget } from '../routing/skip-target.ts'
import type { Circuit } from './circuit.ts'
import type { Circuits } from './circuits.ts'

/** Spares a target that keeps failing, and its callers the wait for it: calls are refused until a probe succeeds. */
export function breaker(circuits: Circuits, clock: Clock): Policy<Call & Authenticated & Routed> {
  return (next) => async (call) => {
    const { target, streamed, operation } = call
    const circuit = circuits.of(target, operations[operation].task)
    const caller = holderOf(call)
    const startedAt = clock.now()
    const pass = circuit.admit(caller)
    if (typeof pass === 'object') {
      throw skipTarget(call, refused(target, pass.until - startedAt))
    }
    const witness = () => witnessOf(call)
    try {
      const events = await next(call)
      circuit.answered(pass, caller, clock.now() - startedAt, streamed ? witness : undefined)
      events.watch(new BreakWatcher(circuit, call))
      return events
    } catch (thrown) {
      const error = GatewayError.from(thrown)
      circuit.failed(pass, error, witness)
      throw circuit.isOpenFor(caller) ? withoutRetry(error) : error
    }
  }
}

/** Reports a stream that breaks off after it has begun. */
class BreakWatcher implements Watcher<AnyEvent> {
  readonly #circuit: Circuit
  readonly #call: Call & Authenticated

  constructor(circuit: Circuit, call: Call & Authenticated) {
    this.#circuit = circuit
    this.#call = call
  }

  end(error?: GatewayError): void {
    if (error) this.#circuit.brokeOff(error, () => witnessOf(this.#call))
  }
}

/** Another attempt would be refused, and only after a wait. */
function withoutRetry(error: GatewayError): GatewayError {
  if (!error.retry) return error
  return new GatewayError(error.reason, error.message, {
    ...error.facts,
    retry: false,
    cause: error.facts.cause ?? error,
  })
}

function refused({ provider, model }: Target, retryAfter: number): GatewayError {
  const message = `${provider.name}/${model} has failed too often and is left out until a probe succeeds.`
  return new GatewayError('UPSTREAM_CIRCUIT_OPEN', message, { provider: provider.name, model, retryAfter })
}
