import type { AnyRequest, Call } from '../domain/calls/call.ts'
import type { Authenticated } from '../domain/calls/facts.ts'
import type { Policy } from '../domain/chain.ts'

/**
 * Refuses requests that no vendor could answer. Comes after authentication, so that a client without a valid
 * credential learns nothing, not even what is wrong with its request. `check` throws INVALID_REQUEST.
 */
export function validate<R extends AnyRequest>(check: (request: R) => void): Policy<Call<R> & Authenticated> {
  return (next) => (call) => {
    check(call.request)
    return next(call)
  }
}
