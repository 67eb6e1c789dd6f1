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
  return caller.anonymous ? holderOfPeer(context.peer) : caller.name
}

/** The same for a call of which only the context is known. */
export function holderOfContext({ caller, record, peer }: CallContext): string {
  return caller?.anonymous ? holderOfPeer(peer) : record.caller || holderOfPeer(peer)
}

/** The same for a client of which a server knows the address, and the caller where it has sent a credential. */
export function holderOfClient(caller: Caller | undefined, address: string | undefined): string {
  return caller && !caller.anonymous ? caller.name : holderOfAddress(address)
}
