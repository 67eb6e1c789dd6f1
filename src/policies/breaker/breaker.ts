import type { Call } from '../../domain/call.ts'
import type { Policy } from '../../domain/chain.ts'
import type { Clock } from '../../domain/clock.ts'
import { GatewayError } from '../../domain/error.ts'
import type { Routed, Target } from '../../domain/facts.ts'
import { BreakerState } from '../../domain/types.ts'
import { skipTarget } from '../routing/skip-target.ts'
import type { Refusal } from './circuit.ts'
import type { Circuits } from './circuits.ts'

/** Spares a target that keeps failing, and its callers the wait for it: calls are refused until a probe succeeds. */
export function breaker(circuits: Circuits, clock: Clock): Policy<Call & Routed> {
  return (next) => async (call) => {
    const { target, streamed } = call
    const circuit = circuits.of(target)
    const startedAt = clock.now()
    const pass = circuit.admit()
    if (typeof pass === 'object') {
      throw skipTarget(call, refused(target, pass, pass.until - startedAt))
    }
    try {
      const events = await next(call)
      circuit.answered(pass, clock.now() - startedAt, streamed)
      events.watch(circuit)
      return events
    } catch (thrown) {
      const error = GatewayError.from(thrown)
      circuit.failed(pass, error)
      throw circuit.state === BreakerState.OPEN ? withoutRetry(error) : error
    }
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

function refused({ provider, model }: Target, { missing }: Refusal, retryAfter: number): GatewayError {
  const name = `${provider.name}/${model}`
  const facts = { provider: provider.name, model }
  if (missing) {
    const message = `${name}: the vendor did not know this model a moment ago: check its id. It is asked again in a minute.`
    return new GatewayError('UPSTREAM_MODEL_MISSING', message, facts)
  }
  const message = `${name} has failed too often and is left out until a probe succeeds.`
  return new GatewayError('UPSTREAM_CIRCUIT_OPEN', message, { ...facts, retryAfter })
}
