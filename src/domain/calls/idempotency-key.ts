import { type GatewayError, invalid } from '../errors/error.ts'

/** Metadata, or header, by which a caller names a call: a repeat of it with the same name is not run again. */
export const IDEMPOTENCY_KEY = 'idempotency-key'

/** Trailer of a call that is answered with the result of an earlier one. */
export const REPLAYED_TRAILER = 'idempotent-replayed'
/** Trailer of a call whose result cannot be kept for repeats at every gateway; its value is `false`. */
export const KEPT_TRAILER = 'idempotency-kept'

const MAX_LENGTH = 255
const VISIBLE = /^[!-~]+$/

/** Returns the key as it was sent. Throws INVALID_REQUEST. */
export function checkedIdempotencyKey(key: string): string {
  if (key === '') throw refused('is empty')
  // Several headers of one name arrive as one, joined by ", ".
  if (key.includes(', ')) throw refused('was sent more than once, or contains a space')
  if (!VISIBLE.test(key)) throw refused('contains a space or a character that is not visible ASCII')
  if (key.length > MAX_LENGTH) throw refused(`has ${key.length} characters`)
  return key
}

function refused(fault: string): GatewayError {
  return invalid(IDEMPOTENCY_KEY, `must be sent once and have 1 to ${MAX_LENGTH} visible ASCII characters; it ${fault}`)
}
