import type { Call } from '../../domain/call.ts'
import type { AttemptRecord } from '../../domain/call-record.ts'
import type { Routed } from '../../domain/facts.ts'
import { AttemptOutcome } from '../../domain/types.ts'

/** Fewest attempts that a call may make, however few keys its target has. */
const LEAST = 6
/** Attempts that a call may make beyond one for each key of its target. */
const SPARE = 2
/** The vendor executed nothing: the key was refused, or has to wait. */
const NOT_EXECUTED = [401, 429]

/** How many upstream attempts one call may cause, whatever fallbacks it names. */
export interface AttemptBound {
  /** Whether no further attempt may be begun. */
  isReached(call: Call & Pick<Routed, 'target'>): boolean
}

/** `most` is configured; by default 6, or the number of the target's keys and two more where that is higher. */
export function attemptBound(most?: number): AttemptBound {
  return {
    isReached({ context, target }) {
      const { attempts } = context.record
      const bound = most ?? Math.max(LEAST, (target.provider.keys?.size ?? 1) + SPARE)
      if (attempts.length < bound) return false
      return attempts.filter(isCounted).length >= bound
    },
  }
}

function isCounted({ outcome, status }: AttemptRecord): boolean {
  return outcome !== AttemptOutcome.SKIPPED && !(status !== undefined && NOT_EXECUTED.includes(status))
}
