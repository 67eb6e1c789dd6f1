import type { CallContext } from '../../src/domain/calls/call.ts'
import { CallRecord } from '../../src/domain/calls/call-record.ts'
import { Cancellation } from '../../src/domain/cancellation.ts'
import type { Clock } from '../../src/domain/clock.ts'
import type { Limiter } from '../../src/domain/ports/limiter.ts'
import type { Telemetry } from '../../src/domain/ports/operations/telemetry.ts'
import type { Provider } from '../../src/domain/ports/provider.ts'
import { createGateway, type Gateway, type GatewayParts } from '../../src/gateway.ts'
import { Circuits } from '../../src/policies/breaker/circuits.ts'
import { Planner } from '../../src/policies/planning/planner.ts'
import { RetryBudget } from '../../src/policies/retrying/retry-budget.ts'
import { SafetyLocks } from '../../src/policies/routing/safety-locks.ts'
import { callerNamed } from './caller.ts'

/** Telemetry that records nothing. */
export const silentTelemetry: Telemetry = {
  begin: () => ({ end() {}, retried() {}, queued() {}, attempt: () => ({ traceparent: undefined, end() {} }) }),
}

const unlimited: Limiter = { reserve: () => ({ refusal: undefined, limitStatus: undefined, settle() {} }) }

/** The limits of a gateway that has none. */
export function noLimits(): GatewayParts['limits'] {
  return { limiter: unlimited, events: { limitReached() {} }, shadow: false, aliases: new Map(), providers: new Map() }
}

/**
 * The real request pipeline over these providers, in memory: no cache, no limits, anybody may call. What a test needs
 * different is given in `parts`.
 */
export function createTestGateway(
  clock: Clock,
  providers: readonly Provider[],
  parts: Partial<GatewayParts> = {},
): Gateway {
  return createGateway({
    telemetry: silentTelemetry,
    authenticator: { identify: () => callerNamed('someone') },
    planner: new Planner({ providers, aliases: [], tasks: {}, priority: [], defaults: {} }),
    cache: undefined,
    clock,
    random: () => 0.5,
    limits: noLimits(),
    gates: { providers: new Map() },
    circuits: new Circuits(clock),
    locks: new SafetyLocks({ clock, spares: [] }),
    retryBudget: new RetryBudget(),
    isEnding: () => false,
    validate: { chat() {}, complete() {}, embed() {} },
    ...parts,
  })
}

/** The context of a call with a minute to go. */
export function testContext(clock: Clock, facts: Partial<CallContext> = {}): CallContext {
  return {
    requestId: 'id',
    credential: undefined,
    deadline: clock.now() + 60_000,
    cancellation: new Cancellation(),
    peer: '',
    record: new CallRecord(clock),
    requestBytes: new Uint8Array(),
    header: () => undefined,
    ...facts,
  }
}
