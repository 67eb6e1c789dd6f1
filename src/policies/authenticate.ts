import type { Call, Caller } from '../domain/call.ts'
import type { Policy } from '../domain/chain.ts'
import type { Authenticated } from '../domain/facts.ts'
import type { Callers } from '../domain/ports/ports.ts'

/** Lets in whoever is known. */
export function authenticate(callers: Callers): Policy<Call, Authenticated> {
  return (next) => (call) => {
    const proceed = (caller: Caller) => {
      call.context.trail.caller = caller.name
      return next({ ...call, caller })
    }
    const caller = callers.identify(call.context)
    return caller instanceof Promise ? caller.then(proceed) : proceed(caller)
  }
}
