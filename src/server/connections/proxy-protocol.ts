import { isIP, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'

/** `PROXY TCP6`, two addresses, two ports and the end of the line. */
const MAX_LINE_LENGTH = 107
const LINE = /^PROXY (?:(TCP4|TCP6) (\S+) \S+ (\d{1,5}) \d{1,5}|UNKNOWN.*)$/

/**
 * Reads the line by which a load balancer says whose connection it passes on, PROXY protocol version 1, and lets the
 * socket say that address as its own. Tells whether there was a line; what follows it stays to be read.
 * https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt
 */
export function readProxyLine(socket: Socket, notify: (isThere: boolean) => void): void {
  let read = Buffer.alloc(0)
  const onReadable = () => {
    const chunk: Buffer | null = socket.read()
    if (!chunk) return
    read = Buffer.concat([read, chunk])
    const end = read.indexOf('\r\n')
    if (end < 0 && read.length < MAX_LINE_LENGTH) return
    socket.off('readable', onReadable)
    const match = end < 0 || end > MAX_LINE_LENGTH ? null : LINE.exec(read.toString('latin1', 0, end))
    if (match) {
      setAddress(socket, match[2], match[3])
      if (read.length > end + 2) socket.unshift(read.subarray(end + 2))
    }
    notify(match !== null)
  }
  socket.on('readable', onReadable)
}

/** A TLS socket does not know what was found out about the socket under it. */
export function passAddressOn(socket: TLSSocket): void {
  const under: unknown = Reflect.get(socket, '_parent') // not in the types
  if (under instanceof Socket && Object.hasOwn(under, 'remoteAddress')) {
    setAddress(socket, under.remoteAddress, String(under.remotePort))
  }
}

function setAddress(socket: Socket, address: string | undefined, port: string | undefined): void {
  if (address === undefined || isIP(address) === 0) return
  Object.defineProperty(socket, 'remoteAddress', { value: address })
  Object.defineProperty(socket, 'remotePort', { value: Number(port) })
}
