import { create } from '@bufbuild/protobuf'
import type { Timestamp } from '@bufbuild/protobuf/wkt'
import type { Caller } from '../../../domain/calls/call.ts'
import { invalid } from '../../../domain/errors/error.ts'
import type { UsageSelection } from '../../../domain/ports/money/ledger-queries.ts'
import { type UsageFilter, UsageFilterSchema, UsageState } from '../../../domain/types.ts'

/** The period and the filter that a request names. */
export interface Selecting {
  readonly start?: Timestamp | undefined
  readonly end?: Timestamp | undefined
  readonly filter?: UsageFilter | undefined
}

/**
 * The records that a request selects. A caller without the admin flag selects among its own. Without an end the period
 * lasts until `now`, wall time in ms. Throws INVALID_REQUEST.
 */
export function selectionOf(
  { start, end, filter = create(UsageFilterSchema) }: Selecting,
  caller: Caller,
  now: number,
  defaultStart?: number,
): UsageSelection {
  const from = start ? milliseconds('start', start) : defaultStart
  const until = end ? milliseconds('end', end) : now + 1
  if (start && from !== undefined && from > until) throw invalid('start', 'must not be after end.')
  if (from !== undefined && from > until) throw invalid('start', 'is required with an end before this month.')
  for (const [index, state] of filter.states.entries()) {
    const isKnown = UsageState[state] !== undefined && state !== UsageState.UNSPECIFIED
    if (!isKnown) throw invalid(`filter.states[${index}]`, 'is not a known state.')
  }
  const { provider, model, alias, userId, sessionId, operation, labels, states, failed, finalOnly } = filter
  return {
    start: from,
    end: until,
    onlyCaller: caller.admin ? undefined : caller.name,
    provider,
    model,
    alias,
    caller: filter.caller,
    userId,
    sessionId,
    operation,
    labels,
    states,
    failed,
    finalOnly,
  }
}

/** A page size of 1 to 1,000; 0 is the default of 100. Throws INVALID_REQUEST. */
export function pageSizeOf(pageSize: number): number {
  if (pageSize > 1_000) throw invalid('page_size', 'must be at most 1,000.')
  return pageSize === 0 ? 100 : pageSize
}

/** Wall time in ms. https://protobuf.dev/reference/protobuf/google.protobuf/#timestamp */
function milliseconds(field: string, { seconds, nanos }: Timestamp): number {
  if (seconds >= FIRST_SECOND && seconds <= LAST_SECOND && nanos >= 0 && nanos < 1e9) {
    return Number(seconds) * 1_000 + nanos / 1e6
  }
  throw invalid(field, 'must be a time from year 1 to 9999.')
}

const FIRST_SECOND = -62_135_596_800n
const LAST_SECOND = 253_402_300_799n
