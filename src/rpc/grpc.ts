import * as grpc from '@grpc/grpc-js'
import {
  type DoorOptions,
  type DoorSettings,
  type DoorTls,
  LiveCalls,
  TIME_TO_END,
  TIME_TO_LEAVE,
  withDefaults,
} from './door.ts'
import type { Endpoint } from './endpoints.ts'
import { streamHandler } from './grpc-stream.ts'
import { unaryHandler } from './grpc-unary.ts'
import { addReflection } from './reflection.ts'

/**
 * Without keepalive a client that vanished is never noticed, and a connection that broke the protocol is never closed.
 * A shorter timeout would kill slow readers, because a ping waits behind the data.
 */
const KEEPALIVE = 10_000
/** Clients that stay connected for ever never see new replicas. */
const MAX_CONNECTION_AGE = 30 * 60_000

/** The door for services: gRPC over HTTP/2. */
export class GrpcDoor {
  readonly #settings: DoorSettings
  readonly #server: grpc.Server
  readonly #live = new LiveCalls()

  constructor(options: DoorOptions) {
    // It prints metadata that it rejects, bearer tokens included.
    grpc.setLogVerbosity(grpc.logVerbosity.NONE)
    this.#settings = withDefaults(options)
    this.#server = new grpc.Server(serverOptions(this.#settings))
    const methods = new Map<string, Endpoint[]>()
    for (const endpoint of options.endpoints) {
      const service = endpoint.method.parent.typeName
      methods.set(service, [...(methods.get(service) ?? []), endpoint])
    }
    for (const [, endpoints] of methods) this.#mount(endpoints)
    addReflection(this.#server, options.endpoints)
  }

  /** How many calls are open. */
  get openCalls(): number {
    return this.#live.size
  }

  /** Returns the port. Rejects when the address cannot be bound. */
  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(this.#settings.address, credentials(this.#settings.tls), (error, port) => {
        if (error) reject(error)
        else resolve(port)
      })
    })
  }

  /**
   * Stops listening, tells every client to go elsewhere, and finishes what is open. What is left after `grace` ms ends
   * with UNAVAILABLE. Calls that arrive on old connections are dropped unprocessed, and clients send them anew.
   */
  drain(grace: number): Promise<void> {
    const { clock } = this.#settings
    return new Promise((resolve) => {
      let stopTimer = clock.after(grace, () => {
        this.#live.drainAll()
        stopTimer = clock.after(TIME_TO_END + TIME_TO_LEAVE, () => this.#server.forceShutdown())
      })
      this.#server.tryShutdown(() => {
        stopTimer()
        resolve()
      })
      this.#live.drainEndless()
    })
  }

  #mount(endpoints: readonly Endpoint[]): void {
    const definition: Record<string, grpc.MethodDefinition<Buffer, Buffer>> = {}
    const implementation: grpc.UntypedServiceImplementation = {}
    for (const endpoint of endpoints) {
      const name = endpoint.method.name
      definition[name] = definitionOf(endpoint)
      implementation[name] = this.#handlerOf(endpoint)
    }
    this.#server.addService(definition, implementation)
  }

  #handlerOf(endpoint: Endpoint): grpc.UntypedHandleCall {
    const common = { settings: this.#settings, live: this.#live }
    return endpoint.kind === 'unary' ? unaryHandler({ endpoint, ...common }) : streamHandler({ endpoint, ...common })
  }
}

/** Messages pass grpc-js as bytes, so that what goes wrong with them is ours to answer. */
function definitionOf({ path, kind }: Endpoint): grpc.MethodDefinition<Buffer, Buffer> {
  const asItIs = (bytes: Buffer) => bytes
  return {
    path,
    requestStream: false,
    responseStream: kind === 'server_streaming',
    requestSerialize: asItIs,
    requestDeserialize: asItIs,
    responseSerialize: asItIs,
    responseDeserialize: asItIs,
  }
}

function serverOptions({ maxDuration, maxReceiveBytes, maxStreams }: DoorSettings): grpc.ServerOptions {
  return {
    'grpc.max_concurrent_streams': maxStreams,
    'grpc.keepalive_time_ms': KEEPALIVE,
    'grpc.keepalive_timeout_ms': KEEPALIVE,
    'grpc.max_connection_age_ms': MAX_CONNECTION_AGE,
    'grpc.max_connection_age_grace_ms': maxDuration + 60_000,
    'grpc.max_receive_message_length': maxReceiveBytes,
    'grpc.max_send_message_length': -1, // checked before, to say what to do about it
    'grpc.enable_channelz': 0,
  }
}

function credentials(tls: DoorTls | undefined): grpc.ServerCredentials {
  if (!tls) return grpc.ServerCredentials.createInsecure()
  const { cert, key, clientCa } = tls
  const pair = { cert_chain: cert, private_key: key }
  return grpc.ServerCredentials.createSsl(clientCa ?? null, [pair], clientCa !== undefined)
}
