import { GatewayError } from '../../domain/errors/error.ts'

/** The error of a call whose reader stopped reading. */
export function stalled(stallTimeout: number): GatewayError {
  return new GatewayError('CANCELLED', `The caller took nothing of the stream for ${stallTimeout / 1000} s.`)
}

/** The error of a call that gives way to others because its reply waits for its reader. */
export function tooSlow(): GatewayError {
  const message = 'Replies that are not read take too much memory, and those of this caller take most.'
  return new GatewayError('CANCELLED', message)
}

/** Throws RESPONSE_TOO_LARGE. */
export function checkSize(bytes: number, maxSendBytes: number): void {
  if (bytes <= maxSendBytes) return
  const message = `The answer has ${bytes} bytes, the gateway sends ${maxSendBytes} at most: ask for less at once, or have its limit raised.`
  throw new GatewayError('RESPONSE_TOO_LARGE', message)
}
