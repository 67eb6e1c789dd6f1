import type { Socket } from 'node:net'
import type { Clock } from '../../domain/clock.ts'
import type { Refusal } from '../refusals.ts'
import { readProxyLine } from './proxy-protocol.ts'

export interface ConnectionGateOptions {
  readonly clock: Clock
  readonly maxConnections: number
  readonly maxConnectionsPerAddress: number
  /** Whether every connection begins with the line of a load balancer. */
  readonly proxyProtocol: boolean
  /** How long that line may take, in ms. */
  readonly readTimeout: number
  readonly onRefused: (refusal: Refusal) => void
}

/** Lets connections in, up to so many, and knows those that are open. */
export class ConnectionGate {
  readonly #options: ConnectionGateOptions
  readonly #sockets = new Set<Socket>()
  readonly #addresses = new Map<string, number>()

  constructor(options: ConnectionGateOptions) {
    this.#options = options
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
    if (this.#options.proxyProtocol) this.#awaitProxyLine(socket, pass)
    else this.#count(socket, pass)
  }

  /** Breaks every connection. */
  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  #awaitProxyLine(socket: Socket, pass: (socket: Socket) => void): void {
    const { clock, readTimeout } = this.#options
    const stopTimer = clock.after(readTimeout, () => this.#refuse(socket, 'proxy_line'))
    const onError = () => {}
    socket.on('error', onError)
    socket.once('close', stopTimer)
    readProxyLine(socket, (isThere) => {
      stopTimer()
      if (!isThere) {
        this.#refuse(socket, 'proxy_line')
        return
      }
      socket.off('close', stopTimer)
      socket.off('error', onError)
      this.#count(socket, pass)
      // What was read with the line is told to whoever reads now.
      if (!socket.destroyed) socket.read(0)
    })
  }

  #count(socket: Socket, pass: (socket: Socket) => void): void {
    const address = socket.remoteAddress
    // It has gone already.
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
