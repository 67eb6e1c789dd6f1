import type { CallContext } from '../domain/call.ts'
import type { Clock } from '../domain/clock.ts'
import { GatewayError } from '../domain/error.ts'
import type { RequestContext } from './context.ts'
import type { Endpoint } from './endpoints.ts'
import { type Refusal, refusalErrors } from './refusals.ts'
import { Slots, type Slotted } from './slots.ts'

const MiB = 1024 * 1024

/** What both doors need. Times in ms, sizes in bytes. */
export interface ServerOptions {
  /** `host:port`; port 0 picks a free one. */
  readonly address: string
  readonly endpoints: readonly Endpoint[]
  readonly clock: Clock
  /** Makes request ids. */
  readonly ids: () => string
  /** Told of every INTERNAL error, for the log. It must not throw. */
  readonly report: (error: GatewayError, context: CallContext) => void
  readonly tls?: ServerTls | undefined
  /** The most that a call may take, and what it gets when it sets no deadline. Default: 10 min. */
  readonly maxDuration?: number
  /** Default: 16 MiB. */
  readonly maxReceiveBytes?: number
  /** Of one message. Default: 16 MiB. Clients take 4 MiB unless they are told otherwise. */
  readonly maxSendBytes?: number
  /** On one connection at once; a client queues above it. Default: 1000, because 300 on one channel are not rare. */
  readonly maxStreams?: number
  /** A reader that leaves what waits for it, about 4 KiB, for so long is cut off. Default: 60 s. */
  readonly stallTimeout?: number
  /** How long a stream may be silent before it says that it lives. Default: 15 s. */
  readonly heartbeat?: number
  /** How long a request may take to arrive, and a connection to say what it speaks. Default: 10 s. */
  readonly readTimeout?: number
  /** How often a connection is asked whether its client lives, and how long that may take to answer. Default: 10 s. */
  readonly keepalive?: number
  /** After it a client is sent to another connection, give or take a tenth. Default: 30 min. */
  readonly maxConnectionAge?: number
  /** At once. Default: 10,000. */
  readonly maxConnections?: number
  /** From one address at once. Default: 1000. */
  readonly maxConnectionsPerAddress?: number
  /** Whether a load balancer says whose connections it passes on, by PROXY protocol version 1. Default: no. */
  readonly proxyProtocol?: boolean
  /** Of a request: names, values and 32 for each. Default: 16 KiB. */
  readonly maxHeaderBytes?: number
  /** Of all requests that are not whole yet. Default: 128 MiB. */
  readonly maxPendingBytes?: number
  /** Compressed requests that are unpacked at once; others wait. Default: 4, as many as Node has threads for it. */
  readonly maxCompressedCalls?: number
  /** Calls that one connection may reset, in 10 s, in the second in which it began them. Default: 200. */
  readonly maxResets?: number
  /** Whether calls are refused because the process cannot keep up. Default: never. */
  readonly isOverloaded?: () => boolean
  /** Told of everything that the door refuses, and of readers that it cuts off. */
  readonly onRefused?: (refusal: Refusal) => void
}

/** PEM. */
export interface ServerTls {
  readonly cert: Buffer
  readonly key: Buffer
  /** With it a caller must show a certificate that this authority signed. */
  readonly clientCa?: Buffer | undefined
}

const defaults = {
  maxDuration: 600_000,
  maxReceiveBytes: 16 * MiB,
  maxSendBytes: 16 * MiB,
  maxStreams: 1000,
  stallTimeout: 60_000,
  heartbeat: 15_000,
  readTimeout: 10_000,
  keepalive: 10_000,
  maxConnectionAge: 30 * 60_000,
  maxConnections: 10_000,
  maxConnectionsPerAddress: 1000,
  proxyProtocol: false,
  maxHeaderBytes: 16 * 1024,
  maxPendingBytes: 128 * MiB,
  maxCompressedCalls: 4,
  maxResets: 200,
  isOverloaded: () => false,
  onRefused: (_refusal: Refusal): void => {},
}

/** The options of a door with their defaults. */
export type ServerSettings = ServerOptions & typeof defaults

export function withDefaults(options: ServerOptions): ServerSettings {
  return { ...defaults, ...options }
}

/** How long a cancelled call may take to end by itself, before the door answers for it, in ms. */
export const TIME_TO_END = 10
/** How long the end of a cancelled call may take to reach a reader, before its stream is closed, in ms. */
export const TIME_TO_LEAVE = 100

/** A call that is open at a door. */
export interface LiveCall extends Slotted {
  readonly endless: boolean
  readonly context: RequestContext
}

/** The calls that are open at a door. */
export class LiveCalls extends Slots<LiveCall> {
  /** Ends the calls that would never end by themselves. */
  drainEndless(): void {
    this.#drain((call) => call.endless)
  }

  drainAll(): void {
    this.#drain(() => true)
  }

  #drain(isMeant: (call: LiveCall) => boolean): void {
    for (const call of this.filter(isMeant)) call.context.cancel(refusalErrors.draining)
  }
}

/** What every call at a door is made with. */
export interface Mount<E extends Endpoint> {
  readonly endpoint: E
  readonly settings: ServerSettings
  readonly live: LiveCalls
}

/** A reader that stands still has nothing left of its call. */
export function stalled(stallTimeout: number): GatewayError {
  return new GatewayError('CANCELLED', `The caller took nothing of the stream for ${stallTimeout / 1000} s.`)
}

/** Throws RESPONSE_TOO_LARGE. */
export function checkSize(bytes: number, maxSendBytes: number): void {
  if (bytes <= maxSendBytes) return
  const message = `The answer has ${bytes} bytes, the gateway sends ${maxSendBytes} at most: ask for less at once, or have its limit raised.`
  throw new GatewayError('RESPONSE_TOO_LARGE', message)
}
