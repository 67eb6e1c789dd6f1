import { BlockList, isIP } from 'node:net'

/** Networks that are not on the internet, and addresses of clouds' own services. */
const NETWORKS: readonly string[] = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.168.0.0/16', '198.18.0.0/15', '224.0.0.0/3', '168.63.129.16/32'],
  // All that begins with 96 zero bits: unspecified, loopback, and IPv4 addresses in their old form.
  ...['::/96', 'fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8'],
  // Forms of IPv4 addresses in other networks: NAT64, Teredo, 6to4.
  ...['64:ff9b::/96', '64:ff9b:1::/48', '2001::/32', '2002::/16'],
]

/** Endings of names that only private networks resolve. */
const SUFFIXES: readonly string[] = [
  ...['localhost', 'local', 'localdomain', 'internal', 'intranet', 'private', 'corp', 'home', 'lan', 'home.arpa'],
  ...['svc', 'test', 'invalid'],
]

/** Names of metadata services that end otherwise. */
const METADATA: readonly string[] = ['metadata.goog', 'metadata.tencentyun.com', 'metadata.platformequinix.com']

/**
 * Judges whether a host is one of a private network: a private, link-local or loopback address, `localhost`, a single
 * label, a name of a private zone, or a metadata service. Names are not looked up.
 */
export class InternalHosts {
  readonly #networks = new BlockList()

  constructor() {
    for (const network of NETWORKS) {
      const [address = '', prefix] = network.split('/')
      this.#networks.addSubnet(address, Number(prefix), address.includes(':') ? 'ipv6' : 'ipv4')
    }
  }

  /** `hostname` as a parsed URL has it: an IPv4 address in its usual form, one of IPv6 in brackets. */
  has(hostname: string): boolean {
    const host = hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.+$/, '')
    const version = isIP(host)
    if (version !== 0) return this.#networks.check(host, version === 6 ? 'ipv6' : 'ipv4')
    if (!host.includes('.')) return true
    return METADATA.includes(host) || SUFFIXES.some((suffix) => host.endsWith(`.${suffix}`))
  }
}
