import type { Call } from '../../domain/calls/call.ts'
import type { Authenticated, Billed, Planned } from '../../domain/calls/facts.ts'
import type { Policy } from '../../domain/chain.ts'
import type { Clock } from '../../domain/clock.ts'
import { follow } from '../../domain/streams/follow.ts'
import { type BillingParts, CallBill } from './call-bill.ts'

/**
 * Opens a bill (the charges of a call's attempts) and closes it when the call ends. Without a ledger there is no bill.
 */
export function bill(parts: BillingParts | undefined, clock: Clock): Policy<Call & Authenticated & Planned, Billed> {
  return (next) => (call) => {
    if (!parts) return next({ ...call, bill: undefined })
    const opened = new CallBill(parts, call, clock)
    return follow(next, { ...call, bill: opened }, opened)
  }
}
