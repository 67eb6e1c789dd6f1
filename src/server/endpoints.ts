import type { DescMethod, DescService, Message } from '@bufbuild/protobuf'
import { completeEvent, heartbeatEvent } from '../domain/streams/events.ts'
import {
  type BatchChatResult,
  BatchChatResultSchema,
  type ChatEvent,
  ChatEventSchema,
  type CompleteEvent,
  CompleteEventSchema,
  HealthCheckService,
  type HeartbeatEvent,
  LlmGateway,
  LlmGatewayAdmin,
} from '../domain/types.ts'
import type { Methods, MethodsOf, StreamMethod, UnaryMethod } from '../service/method-types.ts'
import type { ServerSettings } from './settings.ts'

/** One method as the servers mount it. */
export type Endpoint = UnaryEndpoint | StreamEndpoint

export interface UnaryEndpoint {
  readonly kind: 'unary'
  readonly method: DescMethod
  readonly path: string
  /** Whether it lasts until the client disconnects: it has no maximum duration, and a drain does not wait for it. */
  readonly endless: boolean
  /** Whether it processes many requests, and has the maximum duration of a batch. */
  readonly isBatch: boolean
  /** Whether it needs no credential. */
  readonly isOpen: boolean
  readonly call: UnaryMethod<Message, Message>
}

export interface StreamEndpoint {
  readonly kind: 'server_streaming'
  readonly method: DescMethod
  readonly path: string
  readonly endless: boolean
  readonly isBatch: boolean
  readonly isOpen: boolean
  /** What it says while it is silent; undefined where silence is what a client expects. */
  readonly heartbeat: Heartbeat | undefined
  readonly call: StreamMethod<Message, Message>
}

export interface Heartbeat {
  readonly message: Message
  /** Whether nothing may follow this message. */
  isLast(message: Message): boolean
}

/** The heartbeats of streams that have them, by the type of their messages. */
const heartbeats: Readonly<Record<string, Heartbeat>> = {
  [ChatEventSchema.typeName]: heartbeatOf(heartbeatEvent()),
  [CompleteEventSchema.typeName]: heartbeatOf(completeEvent(heartbeatEvent())),
  [BatchChatResultSchema.typeName]: { message: batchHeartbeat(), isLast: () => false },
}

function heartbeatOf(message: ChatEvent | CompleteEvent): Heartbeat {
  return {
    message,
    // Only streams of such events have this heartbeat.
    isLast: (sent) => (sent as ChatEvent | CompleteEvent).event.case === 'finish',
  }
}

function batchHeartbeat(): BatchChatResult {
  const value: HeartbeatEvent = { $typeName: 'llmgateway.v1.HeartbeatEvent' }
  return { $typeName: 'llmgateway.v1.BatchChatResult', index: 0, result: { case: 'heartbeat', value }, id: '' }
}

/** The longest that a call of a method may take, in ms. */
export function maxDurationOf(
  { endless, isBatch }: Endpoint,
  { maxDuration, maxBatchDuration }: Pick<ServerSettings, 'maxDuration' | 'maxBatchDuration'>,
): number {
  if (endless) return Number.POSITIVE_INFINITY
  return isBatch ? maxBatchDuration : maxDuration
}

/** Everything that both servers serve. */
export function endpoints(methods: Methods, health: MethodsOf<typeof HealthCheckService>): Endpoint[] {
  return [
    ...mount(LlmGateway, methods, { endless: ['watchStats'], batch: ['batchChat'], open: ['health'] }),
    ...mount(LlmGatewayAdmin, methods, { endless: ['ensureModel'] }),
    ...healthEndpoints(health),
  ]
}

/** What only probes ask for. */
export function healthEndpoints(health: MethodsOf<typeof HealthCheckService>): Endpoint[] {
  return mount(HealthCheckService, health, { endless: ['watch'], open: ['check', 'watch'] })
}

function mount<S extends DescService>(
  service: S,
  methods: MethodsOf<S>,
  special: { readonly [Trait in 'endless' | 'batch' | 'open']?: readonly (keyof S['method'])[] } = {},
): Endpoint[] {
  const has = (names: readonly PropertyKey[] | undefined, name: string) => names?.includes(name) === true
  return service.methods.map((method) => {
    const path = `/${service.typeName}/${method.name}`
    const { localName } = method
    const traits = {
      endless: has(special.endless, localName),
      isBatch: has(special.batch, localName),
      isOpen: has(special.open, localName),
    }
    return { method, path, ...traits, ...implementationOf(method, methods) }
  })
}

type Implemented = Pick<UnaryEndpoint, 'kind' | 'call'> | Pick<StreamEndpoint, 'kind' | 'call' | 'heartbeat'>

function implementationOf({ methodKind, localName, name, output }: DescMethod, methods: object): Implemented {
  // MethodsOf is derived from the same descriptor: the function of this name takes and gives the method's messages.
  const named = methods as Record<string, UnaryMethod<Message, Message> & StreamMethod<Message, Message>>
  const implementation = named[localName]?.bind(methods)
  if (!implementation) throw new Error(`${name} is not implemented`)
  switch (methodKind) {
    case 'unary':
      return { kind: methodKind, call: implementation }
    case 'server_streaming':
      return { kind: methodKind, call: implementation, heartbeat: heartbeats[output.typeName] }
    default:
      throw new Error(`${name}: the contract has no methods that take a stream`)
  }
}
