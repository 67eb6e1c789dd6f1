import type { Clock } from '../../domain/clock.ts'
import type { Log } from './log.ts'

/** Lines in one window, and its length in ms. */
const MAX_LINES = 10
const WINDOW = 10_000

/**
 * Logs what the servers refuse before a call begins. Clients without a credential can cause such lines, so their number is
 * limited and they contain nothing of the request. The first line of a window says how many were left out before it.
 */
export function refusalLines(log: Log, clock: Clock): (server: string, refusal: string, address?: string) => void {
  let since = clock.now()
  let written = 0
  let leftOut = 0
  return (server, refusal, address) => {
    const now = clock.now()
    if (now - since >= WINDOW) {
      since = now
      written = 0
    }
    if (written >= MAX_LINES) {
      leftOut++
      return
    }
    written++
    log.info('refused', { server, refusal, peer: address, ...(leftOut > 0 && { left_out: leftOut }) })
    leftOut = 0
  }
}
