import type { AnyRequest, Call } from '../domain/call.ts'
import type { Policy } from '../domain/chain.ts'
import type { Authenticated } from '../domain/facts.ts'

/**
 * Refuses requests that no vendor could answer. Stands after authentication, so that a stranger learns nothing, not
 * even what is wrong with the request. `check` throws INVALID_REQUEST.
 */
export function validate<R extends AnyRequest>(check: (request: R) => void): Policy<Call<R> & Authenticated> {
  return (next) => (call) => {
    check(call.request)
    return next(call)
  }
}
