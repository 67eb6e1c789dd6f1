import type { Call } from '../../domain/calls/call.ts'
import type { AttemptRecord } from '../../domain/calls/call-record.ts'
import type { Routed } from '../../domain/calls/facts.ts'
import { AttemptOutcome } from '../../domain/types.ts'

/** Default bound for a target with few keys. */
const LEAST = 6
/** Default bound for a target with many keys: one attempt for each key, and this many more. */
const SPARE = 2
/** HTTP statuses with which a vendor rejects a key or limits its rate: it did no work, so they are not counted. */
const NOT_EXECUTED = [401, 429]

/** Limit for the upstream attempts of one call, at all its targets together. */
export interface AttemptBound {
  /** Whether the call may start no further attempt. */
  isReached(call: Call & Pick<Routed, 'target'>): boolean
}

/** `most` is the configured bound. The default is 6 or, if that is higher, the number of the target's keys plus 2. */
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
