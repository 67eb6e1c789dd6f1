import { BlockList, isIPv4, isIPv6 } from 'node:net'
import type { ProviderKind } from '../../../providers/define.ts'
import { webUrl } from '../../file/readers.ts'

/**
 * Why a URL cannot be the base URL of an upstream; undefined if it can. Private addresses are allowed, because local
 * models are there. Metadata services of clouds are not: they give the machine's credentials to every client.
 */
export function baseUrlFault(value: string): string | undefined {
  if (/\s/.test(value.trim())) return 'must not hold spaces'
  const url = webUrl(value.trim())
  if (!url) return 'must be an http:// or https:// URL'
  if (url.username !== '' || url.password !== '') return 'must not carry a user name or password: use keys or headers'
  if (url.search !== '' || url.hash !== '') {
    return 'must not carry a query or a fragment: write the address alone, and what else the provider needs as its options'
  }
  if (isMetadataService(url.hostname)) return 'must not be the metadata service of a cloud'
  return undefined
}

export interface BaseUrl {
  readonly url: string
  /** What the operator should write instead; undefined where nothing had to change but slashes and spaces around it. */
  readonly advice?: string
}

/** The base URL as requests are built on it. Mistakes with one remedy are corrected: `baseUrlFault` has the others. */
export function correctedBaseUrl(value: string, kind: ProviderKind): BaseUrl {
  const written = value
    .trim()
    .replace(/(?<!:)\/{2,}/g, '/')
    .replace(/\/+$/, '')
  const ownUrl = kind.baseUrl === undefined ? undefined : withPathOf(written, kind.baseUrl)
  if (ownUrl !== undefined) return { url: ownUrl, advice: `is used as ${ownUrl}: write that` }
  const [ending = ''] = kind.baseUrlEndings?.exec(written) ?? []
  const url = ending === '' ? written : written.slice(0, -ending.length)
  if (kind.apiAt !== undefined && hasNoPath(url)) {
    const whole = `${url}${kind.apiAt}`
    return { url: whole, advice: `is used as ${whole}: write that` }
  }
  if (ending === '') return withPathAdvice(url, kind)
  return { url, advice: `is used without ${ending}, which requests bring: leave it out` }
}

/** Other servers of a kind usually have the path of its own address, but not always. */
function withPathAdvice(url: string, { baseUrl }: ProviderKind): BaseUrl {
  const path = baseUrl === undefined ? '/' : new URL(baseUrl).pathname
  const lacksPath = path !== '/' && hasNoPath(url)
  return { url, ...(lacksPath && { advice: `has no path: most servers of this kind need ${path} at its end` }) }
}

function hasNoPath(url: string): boolean {
  return new URL(url).pathname === '/'
}

/** The vendor's own address for one on its host that has another scheme or no path, or only the usual one. */
function withPathOf(written: string, own: string): string | undefined {
  const [url, vendor] = [new URL(written), new URL(own)]
  const isLocal = vendor.hostname === 'localhost'
  if (isLocal || url.host !== vendor.host) return undefined
  const path = ['', '/', '/v1'].includes(url.pathname) && vendor.pathname !== '/' ? vendor.pathname : url.pathname
  const corrected = `${vendor.origin}${path}`.replace(/\/$/, '')
  return corrected === written ? undefined : corrected
}

/** The URL standard makes `hostname` lower case and gives an IPv4 address its usual form. */
export function isMetadataService(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  if (isIPv4(host)) return metadataServices().check(host, 'ipv4')
  if (isIPv6(host)) return metadataServices().check(host, 'ipv6')
  return host === 'metadata.google.internal' || host === 'instance-data.ec2.internal'
}

/** A BlockList also matches the IPv4-mapped form of its IPv4 addresses; other embeddings are listed. */
function metadataServices(): BlockList {
  const list = new BlockList()
  list.addSubnet('169.254.0.0', 16, 'ipv4')
  list.addSubnet('::169.254.0.0', 112, 'ipv6')
  list.addSubnet('64:ff9b::169.254.0.0', 112, 'ipv6')
  list.addSubnet('2002:a9fe::', 32, 'ipv6')
  list.addAddress('fd00:ec2::254', 'ipv6')
  list.addAddress('fd20:ce::254', 'ipv6')
  return list
}
