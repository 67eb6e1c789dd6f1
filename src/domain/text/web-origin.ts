import { isIP } from 'node:net'

/** Names that only clusters and private networks resolve. */
const PRIVATE_SUFFIXES = ['.svc', '.cluster.local', '.internal']

/**
 * Whether a server without authentication answers requests for this host. A web page can point a name of its own at a
 * private address (DNS rebinding) but cannot choose an IP literal, a single label or a name of a private zone.
 *
 * @param host the value of `Host`, with or without a port
 * @param allowed further names
 */
export function isPrivateHost(host: string, allowed: readonly string[] = []): boolean {
  if (!URL.canParse(`http://${host}`)) return false
  const name = new URL(`http://${host}`).hostname.replace(/\.$/, '')
  if (isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0 || !name.includes('.')) return true
  return PRIVATE_SUFFIXES.some((suffix) => name.endsWith(suffix)) || allowed.includes(name)
}

/** Whether a request was sent by a web page of another origin that is not in `allowed`; `*` allows any. */
export function isForeignOrigin(origin: string | undefined, host: string, allowed: readonly string[] = []): boolean {
  if (origin === undefined || allowed.includes('*') || allowed.includes(origin)) return false
  return origin !== `http://${host}` && origin !== `https://${host}`
}
