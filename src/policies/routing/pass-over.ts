import type { CallRecord } from '../../domain/call-record.ts'
import type { GatewayError } from '../../domain/error.ts'
import type { Target } from '../../domain/facts.ts'
import type { Reason } from '../../domain/reasons.ts'
import { AttemptOutcome } from '../../domain/types.ts'

/** Notes that a target was not asked, and why. */
export function skip({ provider, model }: Target, record: CallRecord, why: Reason): void {
  record.fail(record.begin(provider.name, model), AttemptOutcome.SKIPPED, why)
}

/** Notes that a target was not asked; returns the error to throw. */
export function skipTarget(target: Target, record: CallRecord, why: GatewayError): GatewayError {
  skip(target, record, why.reason)
  return why
}
