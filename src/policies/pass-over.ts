import type { GatewayError } from '../domain/error.ts'
import type { Target } from '../domain/facts.ts'
import type { Trail } from '../domain/trail.ts'
import { AttemptOutcome } from '../domain/types.ts'

/** Notes that a target was not asked, and why; returns the error to throw. */
export function passOver({ provider, model }: Target, trail: Trail, why: GatewayError): GatewayError {
  trail.fail(trail.begin(provider.name, model), AttemptOutcome.SKIPPED, why.reason)
  return why
}
