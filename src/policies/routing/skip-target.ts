import type { Call } from '../../domain/calls/call.ts'
import type { Routed } from '../../domain/calls/facts.ts'
import type { GatewayError } from '../../domain/errors/error.ts'
import { AttemptOutcome } from '../../domain/types.ts'

/** Records that the call's target was not asked. Returns the error to throw. */
export function skipTarget({ target, fallback, context }: Call & Routed, why: GatewayError): GatewayError {
  const { record } = context
  record.fail(record.begin(target.provider.name, target.model, fallback), AttemptOutcome.SKIPPED, why.reason)
  return why
}
