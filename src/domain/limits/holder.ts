import { createHash } from 'node:crypto'
import type { Call } from '../calls/call.ts'
import type { Authenticated } from '../calls/facts.ts'
import type { Witness } from '../errors/blame.ts'

export function witnessOf(call: Call & Authenticated): Witness {
  return { caller: holderOf(call), request: createHash('sha256').update(call.context.requestBytes).digest('base64url') }
}

/** Who is answerable for a call: its caller, or the address it comes from where nobody is asked who calls. */
export function holderOf({ caller, context }: Call & Authenticated): string {
  return caller.anonymous ? networkOf(context.peer) : caller.name
}

/** The address of a peer without its port. One client has a whole /64 of IPv6 addresses. */
function networkOf(peer: string): string {
  const host = peer.slice(0, peer.lastIndexOf(':')).replace(/^\[|\]$/g, '')
  if (host.startsWith('::ffff:')) return host.slice('::ffff:'.length)
  return host.includes(':') ? prefixOf(host) : host
}

/** The first four groups of an IPv6 address. */
function prefixOf(address: string): string {
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  const last = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - last.length)
  return [...groups, ...Array<string>(zeros).fill('0'), ...last].slice(0, 4).join(':')
}
