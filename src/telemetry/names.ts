import { AttemptOutcome, BreakerState, FinishReason } from '../domain/types.ts'

/*
 * Spelling of enums and unknown names in log lines and labels.
 */

/** Label in place of a name that may not become one. */
export const other = 'other'

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

export function finishReasonName(reason: FinishReason): string {
  return FinishReason[reason].toLowerCase()
}
