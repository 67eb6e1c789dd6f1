import { isIP, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'

/** `PROXY TCP6`, two addresses, two ports and the end of the line. */
const MAX_LINE_LENGTH = 107
const LINE = /^PROXY (?:(TCP4|TCP6) (\S+) \S+ (\d{1,5}) \d{1,5}|UNKNOWN.*)$/

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
/** Signature, version and command, family, length. */
const HEAD_LENGTH = 16
const MAX_BODY_LENGTH = 4096
const VERSION_2 = 2
const LOCAL = 0
const PROXY = 1
const IPV4 = 1
const IPV6 = 2

/** Where a connection comes from, as its load balancer says. */
interface Origin {
  readonly address: string | undefined
  readonly port: number
}

interface Header {
  /** Undefined when the balancer connects for itself, or does not know. */
  readonly origin: Origin | undefined
  /** Bytes of the header. */
  readonly length: number
}

/**
 * Reads the header by which a load balancer says whose connection it passes on, PROXY protocol version 1 or 2, and gives
 * the socket that address as its own. Reports whether there was one; what follows it stays to be read.
 * https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt
 */
export function readProxyHeader(socket: Socket, notify: (isThere: boolean) => void): void {
  let read = Buffer.alloc(0)
  const onReadable = () => {
    const chunk: Buffer | null = socket.read()
    if (!chunk) return
    read = Buffer.concat([read, chunk])
    const header = isVersion2(read) ? readBinary(read) : readLine(read)
    if (header === 'incomplete') return
    socket.off('readable', onReadable)
    if (header) {
      if (header.origin) setAddress(socket, header.origin)
      if (read.length > header.length) socket.unshift(read.subarray(header.length))
    }
    notify(header !== undefined)
  }
  socket.on('readable', onReadable)
}

/** Whether what has come so far can be a header of version 2. */
function isVersion2(read: Buffer): boolean {
  const length = Math.min(read.length, SIGNATURE.length)
  return read.compare(SIGNATURE, 0, length, 0, length) === 0
}

/** Undefined when it is not a header. */
function readLine(read: Buffer): Header | 'incomplete' | undefined {
  const end = read.indexOf('\r\n')
  if (end < 0) return read.length < MAX_LINE_LENGTH ? 'incomplete' : undefined
  const match = end > MAX_LINE_LENGTH ? null : LINE.exec(read.toString('latin1', 0, end))
  if (!match) return undefined
  return { origin: match[1] ? { address: match[2], port: Number(match[3]) } : undefined, length: end + 2 }
}

/** Undefined when it is not a header. */
function readBinary(read: Buffer): Header | 'incomplete' | undefined {
  if (read.length < HEAD_LENGTH) return 'incomplete'
  const [version, command] = [read.readUInt8(12) >> 4, read.readUInt8(12) & 0x0f]
  const family = read.readUInt8(13) >> 4
  const body = read.readUInt16BE(14)
  if (version !== VERSION_2 || command > PROXY || body > MAX_BODY_LENGTH) return undefined
  const length = HEAD_LENGTH + body
  if (read.length < length) return 'incomplete'
  if (command === LOCAL) return { origin: undefined, length }
  const addresses = read.subarray(HEAD_LENGTH, length)
  if (family === IPV4 && body >= 12) {
    return { origin: { address: addresses.subarray(0, 4).join('.'), port: addresses.readUInt16BE(8) }, length }
  }
  if (family === IPV6 && body >= 36) {
    const groups = Array.from({ length: 8 }, (_, index) => addresses.readUInt16BE(2 * index).toString(16))
    return { origin: { address: groups.join(':'), port: addresses.readUInt16BE(32) }, length }
  }
  return { origin: undefined, length }
}

/** Gives a TLS socket the address that was found for the socket under it. */
export function passAddressOn(socket: TLSSocket): void {
  const under: unknown = Reflect.get(socket, '_parent') // not in the types
  if (under instanceof Socket && Object.hasOwn(under, 'remoteAddress')) {
    setAddress(socket, { address: under.remoteAddress, port: under.remotePort ?? 0 })
  }
}

function setAddress(socket: Socket, { address, port }: Origin): void {
  if (address === undefined || isIP(address) === 0) return
  Object.defineProperty(socket, 'remoteAddress', { value: address })
  Object.defineProperty(socket, 'remotePort', { value: port })
}
