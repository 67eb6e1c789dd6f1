import type { GatewayError } from '../../domain/error.ts'
import type { Target } from '../../domain/facts.ts'
import type { Reason } from '../../domain/reasons.ts'
import type { Trail } from '../../domain/call-record.ts'
import { AttemptOutcome } from '../../domain/types.ts'

/** Notes that a target was not asked, and why. */
export function skip({ provider, model }: Target, trail: Trail, why: Reason): void {
  trail.fail(trail.begin(provider.name, model), AttemptOutcome.SKIPPED, why)
}

/** Notes that a target was not asked; returns the error to throw. */
export function passOver(target: Target, trail: Trail, why: GatewayError): GatewayError {
  skip(target, trail, why.reason)
  return why
}
