import type { Limiter, Reservation } from '../../src/domain/ports/limiter.ts'
import type { GatewayParts } from '../../src/gateway.ts'

const free: Reservation = { refusal: undefined, limitStatus: undefined, settle() {} }

/** The limits of a gateway that has none. */
export function noLimits(): GatewayParts['limits'] {
  const limiter: Limiter = { reserve: () => free }
  return { limiter, observer: { reached() {} }, shadow: false, aliases: new Map(), providers: new Map() }
}
