import {
  create,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf'
import { anyUnpack } from '@bufbuild/protobuf/wkt'
import * as grpc from '@grpc/grpc-js'
import type { CallContext } from '../../src/domain/call.ts'
import { systemClock } from '../../src/domain/clock.ts'
import { GatewayError } from '../../src/domain/error.ts'
import { EventStream, type Source } from '../../src/domain/event-stream.ts'
import { emptyMessage, finishEvent, textEvent } from '../../src/domain/events.ts'
import type { Authenticator } from '../../src/domain/ports/authenticator.ts'
import {
  BadRequestSchema,
  type ChatEvent,
  type ChatRequest,
  type ChatResponse,
  ErrorDetailSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
  RpcStatusSchema,
} from '../../src/domain/types.ts'
import { CallerCheck } from '../../src/server/bounds/caller-check.ts'
import { endpoints } from '../../src/server/endpoints.ts'
import type { ServerOptions } from '../../src/server/server-options.ts'
import { defaultServerSettings } from '../../src/server/settings.ts'
import { HealthService } from '../../src/service/health-service.ts'
import type { Methods } from '../../src/service/method-types.ts'

/** Every request is of an admin, as without authentication. */
const everybody: Authenticator = { identify: () => ({ name: 'anonymous', admin: true, anonymous: true }) }

const missing = () => Promise.reject(new GatewayError('UNSUPPORTED', 'not part of this test'))

/** A whole gateway of which a test writes the methods that it calls. */
export function methodsOf(some: Partial<Methods>): Methods {
  return {
    chat: missing,
    streamChat: missing,
    embed: missing,
    listModels: missing,
    health: missing,
    stats: missing,
    watchStats: missing,
    listProviders: missing,
    testProvider: missing,
    getCacheStats: missing,
    listCallerCosts: missing,
    listUsage: missing,
    getCostSummary: missing,
    clearCache: missing,
    resetStats: missing,
    listKeys: missing,
    ...some,
  }
}

/** The options of a door on a free port of loopback. What it reports is kept in `reports`. */
export function serverOptions(some: Partial<Methods>, rest: Partial<ServerOptions> = {}) {
  const health = new HealthService()
  const reports: GatewayError[] = []
  let calls = 0
  const options: ServerOptions = {
    address: '127.0.0.1:0',
    endpoints: endpoints(methodsOf(some), health),
    clock: systemClock,
    ids: () => `call-${++calls}`,
    report: (error) => reports.push(error),
    isOverloaded: () => false,
    onRefused: () => {},
    callerCheck: new CallerCheck({ authenticator: everybody, clock: systemClock }),
    ...defaultServerSettings,
    ...rest,
  }
  return { options, health, reports }
}

export function chatResponse(content: string): ChatResponse {
  const message = { ...emptyMessage(3), content }
  return { $typeName: 'llmgateway.v1.ChatResponse', id: 'chat-1', message, finishReason: 1, rawFinishReason: 'stop' }
}

export const finish: ChatEvent = finishEvent({ finishReason: 1, rawFinishReason: 'stop' })

/** A stream whose source is this object: it says what was asked of it. */
export class TestStream implements Source {
  readonly events: EventStream<ChatEvent>
  paused = false
  pauses = 0
  cancelledWith: GatewayError | undefined

  constructor(context: CallContext) {
    this.events = new EventStream(context.cancellation, this)
  }

  pause(): void {
    this.paused = true
    this.pauses++
  }

  resume(): void {
    this.paused = false
  }

  cancel(reason: GatewayError): void {
    this.cancelledWith = reason
  }

  say(...texts: string[]): this {
    for (const text of texts) this.events.push(textEvent(text))
    return this
  }

  finish(): this {
    this.events.push(finish)
    this.events.end()
    return this
  }
}

/** Settles when the call is cancelled, with the reason. */
export function cancelled(context: CallContext): Promise<GatewayError> {
  return new Promise((resolve) => context.cancellation.add({ cancel: resolve }))
}

/** A method that works until it is told to stop, and then throws why, as the road of a call does. */
export async function untilCancelled(_request: ChatRequest, context: CallContext): Promise<never> {
  throw await cancelled(context)
}

export interface Ending {
  readonly code: number
  readonly message: string
  readonly trailers: grpc.Metadata
  /** Whether the server sent this ending, and not the client's own library. */
  readonly details: ReturnType<typeof detailsOf> | undefined
}

export interface Answer<O> {
  readonly response?: O
  readonly ending: Ending
}

/** A client of grpc-js for any method of the contract. */
export class TestClient {
  readonly #client: grpc.Client

  constructor(port: number, credentials = grpc.credentials.createInsecure(), options: grpc.ClientOptions = {}) {
    this.#client = new grpc.Client(`127.0.0.1:${port}`, credentials, options)
  }

  close(): void {
    this.#client.close()
  }

  unary<M extends DescMethod>(
    method: M,
    request: MessageInitShape<M['input']>,
    options: grpc.CallOptions = {},
    metadata = new grpc.Metadata(),
  ): { readonly answer: Promise<Answer<MessageShape<M['output']>>>; cancel(): void } {
    let call: grpc.ClientUnaryCall | undefined
    const answer = new Promise<Answer<MessageShape<M['output']>>>((resolve) => {
      let response: MessageShape<M['output']> | undefined
      call = this.#client.makeUnaryRequest(
        pathOf(method),
        (message: MessageInitShape<M['input']>) => bytesOf(method, message),
        (bytes) => fromBinary(method.output, bytes) as MessageShape<M['output']>, // that is what it decodes
        request,
        metadata,
        options,
        (_error, value) => {
          response = value
        },
      )
      call.on('status', (status) => resolve({ ...(response && { response }), ending: endingOf(status) }))
    })
    return { answer, cancel: () => call?.cancel() }
  }

  stream<M extends DescMethod>(
    method: M,
    request: MessageInitShape<M['input']>,
    options: grpc.CallOptions = {},
  ): TestReader<MessageShape<M['output']>> {
    const call = this.#client.makeServerStreamRequest(
      pathOf(method),
      (message: MessageInitShape<M['input']>) => bytesOf(method, message),
      (bytes) => fromBinary(method.output, bytes) as MessageShape<M['output']>, // that is what it decodes
      request,
      options,
    )
    return new TestReader(call)
  }

  /** Sends bytes that need not be a message. */
  raw(path: string, bytes: Buffer): Promise<Ending> {
    return new Promise((resolve) => {
      const asItIs = (value: Buffer) => value
      const call = this.#client.makeUnaryRequest(path, asItIs, asItIs, bytes, () => {})
      call.on('status', (status) => resolve(endingOf(status)))
    })
  }
}

export class TestReader<O> {
  readonly call: grpc.ClientReadableStream<O>
  readonly messages: O[] = []
  readonly ending: Promise<Ending>

  constructor(call: grpc.ClientReadableStream<O>) {
    this.call = call
    call.on('data', (message: O) => this.messages.push(message))
    call.on('error', () => {})
    this.ending = new Promise((resolve) => {
      call.on('status', (status: grpc.StatusObject) => resolve(endingOf(status)))
    })
  }

  /** The next message, then no more: a reader that stands still. */
  async first(): Promise<void> {
    await new Promise((resolve) => this.call.once('data', resolve))
    this.call.pause()
  }
}

function endingOf(status: grpc.StatusObject): Ending {
  const raw = status.metadata.get('grpc-status-details-bin')[0]
  return {
    code: status.code,
    message: status.details,
    trailers: status.metadata,
    details: Buffer.isBuffer(raw) ? detailsOf(raw) : undefined,
  }
}

/** What a client finds in `grpc-status-details-bin`. */
export function detailsOf(raw: Uint8Array) {
  const status = fromBinary(RpcStatusSchema, raw)
  const find = <S extends Parameters<typeof anyUnpack>[1]>(schema: S) => {
    for (const any of status.details) {
      const found = anyUnpack(any, schema)
      if (found) return found as MessageShape<S> // unpacked by that schema
    }
    return undefined
  }
  return {
    code: status.code,
    message: status.message,
    bytes: raw.length,
    info: find(ErrorInfoSchema),
    retry: find(RetryInfoSchema),
    badRequest: find(BadRequestSchema),
    attempts: find(ErrorDetailSchema),
  }
}

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`
}

function bytesOf<M extends DescMethod>(method: M, message: MessageInitShape<M['input']>): Buffer {
  return Buffer.from(toBinary(method.input, create(method.input, message)))
}
