import type { CallContext } from '../domain/calls/call.ts'
import type { Clock } from '../domain/clock.ts'
import type { GatewayError } from '../domain/errors/error.ts'
import type { ByteBudget } from '../domain/limits/byte-budget.ts'
import type { CallerCheck } from './bounds/caller-check.ts'
import type { LostCalls } from './calls/lost-calls.ts'
import type { Endpoint } from './endpoints.ts'
import type { Refusal } from './refusals.ts'
import type { ServerSettings } from './settings.ts'

/** What the gRPC server and the HTTP server are made of. */
export interface ServerOptions extends ServerSettings {
  /** `host:port`; port 0 picks a free one. */
  readonly address: string
  /** Configured address of the server for the other protocol, for clients that reached the wrong port. */
  readonly otherAddress?: string
  readonly endpoints: readonly Endpoint[]
  readonly clock: Clock
  /** Makes request ids. */
  readonly ids: () => string
  /** Receives every INTERNAL error, for the log. Must not throw. */
  readonly report: (error: GatewayError, context: CallContext) => void
  readonly tls?: ServerTls | undefined
  readonly callerCheck: CallerCheck
  /** Bytes of requests that are not complete; shared by both servers. */
  readonly uploads: ByteBudget
  /** Bytes of replies that their readers have not taken; shared by both servers and with replies of vendors. */
  readonly replies: ByteBudget
  /** Calls that go on without a connection; shared by both servers. */
  readonly lostCalls: LostCalls
  /** Whether calls are refused because the process cannot keep up. */
  readonly isOverloaded: () => boolean
  /** Receives everything that the server refuses, and readers that it cuts off. Must not throw. */
  readonly onRefused: (refusal: Refusal, address?: string) => void
}

/** Certificates in PEM. */
export interface ServerTls {
  readonly cert: Buffer
  readonly key: Buffer
  /** The authority that must have signed the certificate of every client. */
  readonly clientCa?: Buffer | undefined
}
