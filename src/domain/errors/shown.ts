import type { GatewayError } from './error.ts'

const MAX_RETRY_DELAY = 3_600_000
const INTERNAL_MESSAGE = 'The gateway failed; its log says why.'

/** The message for the caller. That of an INTERNAL error is constant: its cause is for the log. */
export function shownMessage({ reason, message }: GatewayError): string {
  return reason === 'INTERNAL' ? INTERNAL_MESSAGE : message
}

/** Wait before another try, as the caller receives it, in ms; undefined where waiting is not known to help. */
export function shownDelay({ reason, facts }: GatewayError): number | undefined {
  const { retryAfter } = facts
  if (reason === 'UPSTREAM_QUOTA_EXHAUSTED' || retryAfter === undefined || !(retryAfter >= 0)) return undefined
  return Math.min(retryAfter, MAX_RETRY_DELAY)
}
