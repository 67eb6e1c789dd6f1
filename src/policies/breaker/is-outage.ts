import type { GatewayError } from '../../domain/error.ts'
import type { Reason } from '../../domain/reasons.ts'

/** Failures of the target itself: not of its caller, of a limit, or of a call that somebody cancelled. */
const OUTAGES: ReadonlySet<Reason> = new Set<Reason>([
  'UPSTREAM_UNREACHABLE',
  'UPSTREAM_RESET',
  'UPSTREAM_TIMEOUT',
  'UPSTREAM_IDLE_TIMEOUT',
  'UPSTREAM_STREAM_TRUNCATED',
  'UPSTREAM_STREAM_ERROR',
  'UPSTREAM_TRANSIENT',
  'UPSTREAM_ERROR',
  'UPSTREAM_GATEWAY',
  'UPSTREAM_OVERLOADED',
])
/** Refused for want of spare capacity, and given up: both of one call. */
const OF_ONE_CALL = [498, 499]

/** Whether an error tells that its target is in trouble, and not only the call. */
export function isOutage({ reason, retry, facts }: GatewayError): boolean {
  if (!OUTAGES.has(reason) || OF_ONE_CALL.includes(facts.upstream?.status ?? 0)) return false
  // What broke was a connection that had grown old.
  return !(reason === 'UPSTREAM_RESET' && retry)
}
