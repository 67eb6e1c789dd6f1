import { BlockList, isIPv6, type Socket } from 'node:net'
import type { Clock } from '../../domain/clock.ts'
import { holderOfAddress } from '../../domain/text/address-holder.ts'
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
  /** Open connections, each with the address that it counts for, in the order in which they came. */
  readonly #sockets = new Map<Socket, string>()
  readonly #addresses = new Map<string, number>()

  constructor(options: ConnectionGateOptions) {
    this.#options = options
    this.#proxies = networks(options.trustedProxies)
  }

  /** How many connections are open. */
  get open(): number {
    return this.#sockets.size
  }

  /**
   * Hands the socket to `pass`, or resets it. When there are too many, the address with the most connections loses its
   * newest.
   */
  admit(socket: Socket, pass: (socket: Socket) => void): void {
    this.#sockets.set(socket, holderOfAddress(socket.remoteAddress))
    socket.once('close', () => this.#sockets.delete(socket))
    if (this.#sockets.size > this.#options.maxConnections) {
      const newest = this.#newestOfLargest() ?? socket
      this.#sockets.delete(newest)
      this.#refuse(newest, 'connections')
      if (newest === socket) return
    }
    if (this.#isProxy(socket.remoteAddress)) this.#awaitProxyHeader(socket, pass)
    else this.#count(socket, pass)
  }

  /** Breaks every connection. */
  destroyAll(): void {
    for (const socket of this.#sockets.keys()) socket.destroy()
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
    // The client has disconnected already, or had to give way.
    if (socket.remoteAddress === undefined || !this.#sockets.has(socket)) {
      socket.destroy()
      return
    }
    const address = holderOfAddress(socket.remoteAddress)
    this.#sockets.set(socket, address)
    const open = this.#addresses.get(address) ?? 0
    if (open >= this.#options.maxConnectionsPerAddress) {
      this.#refuse(socket, 'connections_per_address')
      return
    }
    this.#addresses.set(address, open + 1)
    socket.once('close', () => this.#uncount(address))
    pass(socket)
  }

  #newestOfLargest(): Socket | undefined {
    const counts = new Map<string, number>()
    for (const address of this.#sockets.values()) counts.set(address, (counts.get(address) ?? 0) + 1)
    const most = Math.max(...counts.values())
    let newest: Socket | undefined
    for (const [socket, address] of this.#sockets) if (counts.get(address) === most) newest = socket
    return newest
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
