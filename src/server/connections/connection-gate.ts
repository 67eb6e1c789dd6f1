import { BlockList, isIPv6, type Socket } from 'node:net'
import type { Clock } from '../../domain/clock.ts'
import type { Refusal } from '../refusals.ts'
import { readProxyHeader } from './proxy-protocol.ts'

export interface ConnectionGateOptions {
  readonly clock: Clock
  readonly maxConnections: number
  readonly maxConnectionsPerAddress: number
  /** Networks of load balancers, as `10.0.0.0/8`, whose connections begin with a header of the PROXY protocol. */
  readonly trustedProxies: readonly string[]
  /** Time for that header to arrive, in ms. */
  readonly readTimeout: number
  readonly onRefused: (refusal: Refusal) => void
}

/** Admits connections up to a limit, and knows those that are open. */
export class ConnectionGate {
  readonly #options: ConnectionGateOptions
  readonly #proxies: BlockList
  readonly #sockets = new Set<Socket>()
  readonly #addresses = new Map<string, number>()

  constructor(options: ConnectionGateOptions) {
    this.#options = options
    this.#proxies = networks(options.trustedProxies)
  }

  /** How many connections are open. */
  get open(): number {
    return this.#sockets.size
  }

  /** Hands the socket to `pass`, or resets it. */
  admit(socket: Socket, pass: (socket: Socket) => void): void {
    if (this.#sockets.size >= this.#options.maxConnections) {
      this.#refuse(socket, 'connections')
      return
    }
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    if (this.#isProxy(socket.remoteAddress)) this.#awaitProxyHeader(socket, pass)
    else this.#count(socket, pass)
  }

  /** Breaks every connection. */
  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  #isProxy(address: string | undefined): boolean {
    if (this.#options.trustedProxies.length === 0 || address === undefined) return false
    return this.#proxies.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
  }

  #awaitProxyHeader(socket: Socket, pass: (socket: Socket) => void): void {
    const { clock, readTimeout } = this.#options
    const stopTimer = clock.after(readTimeout, () => this.#refuse(socket, 'proxy_line'))
    const onError = () => {}
    socket.on('error', onError)
    socket.once('close', stopTimer)
    readProxyHeader(socket, (isThere) => {
      stopTimer()
      if (!isThere) {
        this.#refuse(socket, 'proxy_line')
        return
      }
      socket.off('close', stopTimer)
      socket.off('error', onError)
      this.#count(socket, pass)
      // Bytes that were read with the header are announced to the new reader.
      if (!socket.destroyed) socket.read(0)
    })
  }

  #count(socket: Socket, pass: (socket: Socket) => void): void {
    const address = socket.remoteAddress
    // The client has disconnected already.
    if (address === undefined) {
      socket.destroy()
      return
    }
    const open = this.#addresses.get(address) ?? 0
    if (open >= this.#options.maxConnectionsPerAddress) {
      this.#refuse(socket, 'connections_per_address')
      return
    }
    this.#addresses.set(address, open + 1)
    socket.once('close', () => this.#uncount(address))
    pass(socket)
  }

  #uncount(address: string): void {
    const left = (this.#addresses.get(address) ?? 1) - 1
    if (left > 0) this.#addresses.set(address, left)
    else this.#addresses.delete(address)
  }

  #refuse(socket: Socket, refusal: Refusal): void {
    this.#options.onRefused(refusal)
    socket.on('error', () => {})
    socket.resetAndDestroy()
  }
}

function networks(written: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of written) {
    const [address = '', prefix] = network.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return list
}
