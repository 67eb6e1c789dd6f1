import type { Call } from '../domain/calls/call.ts'
import type { Observed } from '../domain/calls/facts.ts'
import type { Policy } from '../domain/chain.ts'
import type { Telemetry } from '../domain/ports/operations/telemetry.ts'
import { follow } from '../domain/streams/follow.ts'

/** Records every call to its ending, including refused ones. */
export function observe(telemetry: Telemetry): Policy<Call, Observed> {
  return (next) => (call) => {
    const record = telemetry.begin(call)
    return follow(next, { ...call, telemetry: record }, record)
  }
}
