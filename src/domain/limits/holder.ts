import { createHash } from 'node:crypto'
import type { Call, CallContext, Caller } from '../calls/call.ts'
import type { Authenticated } from '../calls/facts.ts'
import type { Witness } from '../errors/blame.ts'
import { holderOfAddress, holderOfPeer } from '../text/address-holder.ts'

export function witnessOf(call: Call & Authenticated): Witness {
  return { caller: holderOf(call), request: createHash('sha256').update(call.context.requestBytes).digest('base64url') }
}

/** Who is answerable for a call: its caller, or the address it comes from where nobody is asked who calls. */
export function holderOf({ caller, context }: Call & Authenticated): string {
  return holderOfAnyone(caller, context.peer)
}

/** The same for a call of which only the context is known. */
export function holderOfContext({ record, peer }: CallContext): string {
  return record.callerId || holderOfPeer(peer)
}

/** The same for a call that may have shown no credential. */
export function holderOfAnyone(caller: Caller | undefined, peer: string): string {
  return caller && !caller.anonymous ? caller.id : holderOfPeer(peer)
}

/** The same for a client of which a server knows the address, and the caller where it has sent a credential. */
export function holderOfClient(caller: Caller | undefined, address: string | undefined): string {
  return caller && !caller.anonymous ? caller.id : holderOfAddress(address)
}
