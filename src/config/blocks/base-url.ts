import { BlockList, isIPv4, isIPv6 } from 'node:net'
import { webUrl } from '../file/readers.ts'

/**
 * Why a URL cannot be the base of an upstream; undefined when it can. Private addresses are fine, local models live
 * there. The metadata services of clouds are not: they hand out the machine's credentials to whoever asks.
 */
export function baseUrlFault(value: string): string | undefined {
  const url = webUrl(value)
  if (!url) return 'must be an http:// or https:// URL'
  if (url.username !== '' || url.password !== '') return 'must not carry a user name or password: use keys or headers'
  if (url.search !== '' || url.hash !== '') return 'must not carry a query or a fragment'
  if (isMetadataService(url.hostname)) return 'must not be the metadata service of a cloud'
  return undefined
}

/** The base URL as requests are built on it: without a slash at its end. */
export function normalBaseUrl(value: string): string {
  return value.replace(/\/+$/, '')
}

/** By the URL standard `hostname` is lower case and an IPv4 address has its usual form, however it was spelled. */
function isMetadataService(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  if (isIPv4(host)) return metadataServices().check(host, 'ipv4')
  if (isIPv6(host)) return metadataServices().check(host, 'ipv6')
  return host === 'metadata.google.internal' || host === 'instance-data.ec2.internal'
}

/** A list also matches the IPv4-mapped form of its IPv4 addresses; the other forms that carry one are named. */
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
