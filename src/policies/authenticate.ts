import type { Call } from '../domain/call.ts'
import type { Policy } from '../domain/chain.ts'
import type { Authenticated } from '../domain/facts.ts'
import type { Callers } from '../domain/ports.ts'

/** Lets in whoever is known. */
export function authenticate(callers: Callers): Policy<Call, Authenticated> {
  return (next) => async (call) => {
    const known = callers.identify(call.context)
    const caller = known instanceof Promise ? await known : known
    call.context.trail.caller = caller.name
    return next({ ...call, caller })
  }
}
