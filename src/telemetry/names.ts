import { AttemptOutcome, BreakerState } from '../domain/types.ts'

/*
 * How log lines and metrics spell the enums of the contract.
 */

export const outcomeNames = {
  [AttemptOutcome.UNSPECIFIED]: 'unknown',
  [AttemptOutcome.OK]: 'ok',
  [AttemptOutcome.FAILED]: 'failed',
  [AttemptOutcome.SKIPPED]: 'skipped',
  [AttemptOutcome.CANCELLED]: 'cancelled',
} as const satisfies Record<AttemptOutcome, string>

export const breakerStateNames = {
  [BreakerState.UNSPECIFIED]: 'closed',
  [BreakerState.CLOSED]: 'closed',
  [BreakerState.HALF_OPEN]: 'half_open',
  [BreakerState.OPEN]: 'open',
} as const satisfies Record<BreakerState, string>
