import { BlockList, isIP, type Socket } from 'node:net'
import { buildConnector } from 'undici'
import type { ProxySettings } from '../settings.ts'

/** The answer to CONNECT is a status line and a few headers. */
const MAX_REPLY = 16 << 10

/** A proxy did not make a tunnel. Names the proxy, which may be shown, without its credentials. */
export class ProxyError extends Error {
  readonly code = 'PROXY'
  /** `host:port`. */
  readonly proxy: string
  readonly trouble: string

  constructor(proxy: string, trouble: string, cause?: Error) {
    super(`the proxy ${proxy} ${trouble}`, cause && { cause })
    this.proxy = proxy
    this.trouble = trouble
  }
}

/**
 * Connects to upstreams, through the proxy of their scheme unless NO_PROXY leaves them out. Undici's own agents for
 * proxies connect again and again to a proxy that closes without a word, and hide which connections are fresh.
 */
export function proxyConnector(
  settings: ProxySettings,
  options: buildConnector.BuildOptions,
): buildConnector.connector {
  const direct = buildConnector(options)
  const isLeftOut = readNoProxy(settings.no ?? '')
  const https = tunnelThrough(settings.https ?? settings.http, direct, options)
  const http = tunnelThrough(settings.http, direct, options)
  return (target, callback) => {
    const tunnel = target.protocol === 'https:' ? https : http
    if (!tunnel || isLeftOut(target.hostname, portOf(target))) direct(target, callback)
    else tunnel(target, callback)
  }
}

function portOf({ port, protocol }: buildConnector.Options): number {
  return Number(port) || (protocol === 'https:' ? 443 : 80)
}

function tunnelThrough(
  url: string | undefined,
  direct: buildConnector.connector,
  options: buildConnector.BuildOptions,
): buildConnector.connector | undefined {
  if (!url) return undefined
  const { protocol, hostname, port, host, username, password } = new URL(url)
  const proxy = { protocol, hostname, host, port: port || (protocol === 'https:' ? '443' : '80') }
  const name = `${hostname}:${proxy.port}`
  const login = username ? `${decodeURIComponent(username)}:${decodeURIComponent(password)}` : ''
  const authorization = login ? `Proxy-Authorization: Basic ${Buffer.from(login).toString('base64')}\r\n` : ''
  const overTls = buildConnector(options)
  return (target, callback) => {
    direct(proxy, (error, socket) => {
      if (error || !socket) {
        callback(new ProxyError(name, `cannot be reached (${codeOf(error)})`, error ?? undefined), null)
        return
      }
      const address = `${target.hostname}:${portOf(target)}`
      socket.write(`CONNECT ${address} HTTP/1.1\r\nHost: ${address}\r\n${authorization}\r\n`)
      readReply(socket, options.timeout ?? undefined, (trouble) => {
        if (trouble !== undefined) {
          socket.destroy()
          callback(new ProxyError(name, trouble), null)
        } else if (target.protocol === 'https:') {
          overTls({ ...target, servername: target.servername || target.hostname, httpSocket: socket }, callback)
        } else callback(null, socket)
      })
    })
  }
}

/** Calls back without an argument once the tunnel is made, or else with what went wrong. */
function readReply(socket: Socket, timeout: number | undefined, done: (trouble?: string) => void): void {
  let reply = Buffer.alloc(0)
  const finish = (trouble?: string, rest?: Buffer) => {
    socket.off('readable', read).off('end', closed).off('close', closed).off('error', failed).off('timeout', late)
    socket.setTimeout(0)
    if (rest?.length) socket.unshift(rest)
    done(trouble)
  }
  const closed = () => finish('closed the connection without an answer to CONNECT')
  const failed = (error: Error) => finish(`broke the connection (${codeOf(error)})`)
  const late = () => finish('did not answer CONNECT in time')
  const read = () => {
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) reply = Buffer.concat([reply, chunk])
    const end = reply.indexOf('\r\n\r\n')
    if (end < 0) {
      if (reply.length > MAX_REPLY) finish('does not speak HTTP')
      return
    }
    const [, status] = /^HTTP\/1\.[01] (\d{3})\b/.exec(reply.toString('latin1', 0, 64)) ?? []
    if (status === undefined) finish('does not speak HTTP')
    else if (!status.startsWith('2')) finish(`refused CONNECT with HTTP ${status}`)
    else finish(undefined, reply.subarray(end + 4))
  }
  socket.on('readable', read).on('end', closed).on('close', closed).on('error', failed).on('timeout', late)
  if (timeout) socket.setTimeout(timeout)
}

function codeOf(error: Error | null): string {
  return error && 'code' in error && typeof error.code === 'string' ? error.code : 'no connection'
}

/** Hosts, domains with all that is below them, addresses and networks (`10.0.0.0/8`), each with or without a port. */
function readNoProxy(list: string): (host: string, port: number) => boolean {
  const entries = list.split(/[,\s]/).filter((entry) => entry !== '')
  if (entries.includes('*')) return () => true
  const networks = new BlockList()
  const names: { readonly name: string; readonly port: number | undefined }[] = []
  for (const entry of entries) if (!addNetwork(networks, entry)) names.push(readName(entry))
  return (hostname, port) => {
    const host = hostname.replace(/^\[|\]$/g, '').toLowerCase()
    const version = isIP(host)
    if (version && networks.check(host, version === 4 ? 'ipv4' : 'ipv6')) return true
    return names.some(
      ({ name, port: only }) => (only === undefined || only === port) && (host === name || host.endsWith(`.${name}`)),
    )
  }
}

function addNetwork(networks: BlockList, entry: string): boolean {
  const [, address = '', prefix] = /^\[?([0-9a-f.:]+)\]?\/(\d{1,3})$/i.exec(entry) ?? []
  const version = isIP(address)
  const bits = Number(prefix)
  if (version === 0 || bits > (version === 4 ? 32 : 128)) return false
  networks.addSubnet(address, bits, version === 4 ? 'ipv4' : 'ipv6')
  return true
}

function readName(entry: string) {
  const [, host = entry, port] = isIP(entry) ? [] : (/^(.+):(\d{1,5})$/.exec(entry) ?? [])
  const name = host
    .replace(/^\*?\./, '')
    .replace(/^\[|\]$/g, '')
    .toLowerCase()
  return { name, port: port === undefined ? undefined : Number(port) }
}
