import type { AnyRequest, Call } from '../domain/call.ts'
import type { Policy } from '../domain/chain.ts'
import type { Authenticated } from '../domain/facts.ts'

/**
 * Refuses what no vendor could answer. After authentication: a stranger learns nothing, not even what is wrong with
 * the request. `validate` throws INVALID_REQUEST.
 */
export function check<R extends AnyRequest>(validate: (request: R) => void): Policy<Call<R> & Authenticated> {
  return (next) => (call) => {
    validate(call.request)
    return next(call)
  }
}
