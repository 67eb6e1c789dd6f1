import type { AddressInfo } from 'node:net'

/** A server that can be bound: of connections, or of HTTP. */
interface Bindable {
  listen(port: number, host: string, listening: () => void): unknown
  address(): AddressInfo | string | null
  once(event: 'error', listener: (error: Error) => void): unknown
  off(event: 'error', listener: (error: Error) => void): unknown
}

/** Binds `host:port`, where an IPv6 host stands in brackets. Returns the port. Rejects when that cannot be done. */
export function listenOn(server: Bindable, address: string): Promise<number> {
  const colon = address.lastIndexOf(':')
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(Number(address.slice(colon + 1)), host, () => {
      server.off('error', reject)
      resolve((server.address() as AddressInfo).port) // what listens on TCP has one
    })
  })
}
