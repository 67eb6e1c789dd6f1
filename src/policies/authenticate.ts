import type { Call, Caller } from '../domain/calls/call.ts'
import type { Authenticated } from '../domain/calls/facts.ts'
import type { Policy } from '../domain/chain.ts'
import type { Authenticator } from '../domain/ports/authenticator.ts'

/** Identifies the caller; refuses calls without a valid credential. */
export function authenticate(authenticator: Authenticator): Policy<Call, Authenticated> {
  return (next) => (call) => {
    const proceed = (caller: Caller) => {
      call.context.record.identify(caller)
      return next({ ...call, caller })
    }
    const caller = authenticator.identify(call.context)
    return caller instanceof Promise ? caller.then(proceed) : proceed(caller)
  }
}
