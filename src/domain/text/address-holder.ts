import { isIPv4, isIPv6 } from 'node:net'

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i

/**
 * The holder that a client without a credential is counted as: its IPv4 address, or the /64 of its IPv6 address, which
 * is what one client usually has.
 */
export function holderOfAddress(address: string | undefined): string {
  if (address === undefined) return 'unknown'
  const [, mapped] = MAPPED.exec(address) ?? []
  if (mapped !== undefined) return mapped
  if (isIPv4(address) || !isIPv6(address)) return address
  return `${expand(address).slice(0, 4).join(':')}::/64`
}

/** The eight groups of an IPv6 address, without leading zeros. */
function expand(address: string): string[] {
  const [head = '', tail] = address.split('%', 1)[0]?.split('::') ?? []
  const groups = (text: string | undefined) =>
    (text ? text.split(':') : []).map((group) => group.replace(/^0+(?=.)/, ''))
  const before = groups(head)
  const after = groups(tail)
  return [...before, ...Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0'), ...after]
}

/** The same for the peer of a call, `address:port`. */
export function holderOfPeer(peer: string): string {
  return holderOfAddress(peer.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1'))
}
