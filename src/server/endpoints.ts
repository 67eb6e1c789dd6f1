import type { DescMethod, DescService, Message } from '@bufbuild/protobuf'
import { completeEvent, heartbeatEvent } from '../domain/streams/events.ts'
import {
  type ChatEvent,
  ChatEventSchema,
  type CompleteEvent,
  CompleteEventSchema,
  HealthCheckService,
  LlmGateway,
  LlmGatewayAdmin,
} from '../domain/types.ts'
import type { Methods, MethodsOf, StreamMethod, UnaryMethod } from '../service/method-types.ts'

/** One method as the servers mount it. */
export type Endpoint = UnaryEndpoint | StreamEndpoint

export interface UnaryEndpoint {
  readonly kind: 'unary'
  readonly method: DescMethod
  readonly path: string
  /** Whether it lasts until the client disconnects: it has no maximum duration, and a drain does not wait for it. */
  readonly endless: boolean
  /** Whether it needs no credential. */
  readonly isOpen: boolean
  readonly call: UnaryMethod<Message, Message>
}

export interface StreamEndpoint {
  readonly kind: 'server_streaming'
  readonly method: DescMethod
  readonly path: string
  readonly endless: boolean
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

/** The heartbeats of streams that have them, by the type of their messages, which all have this form. */
const heartbeats: Readonly<Record<string, Heartbeat>> = {
  [ChatEventSchema.typeName]: heartbeatOf(heartbeatEvent()),
  [CompleteEventSchema.typeName]: heartbeatOf(completeEvent(heartbeatEvent())),
}

function heartbeatOf(message: ChatEvent | CompleteEvent): Heartbeat {
  return {
    message,
    // Only streams of such events have this heartbeat.
    isLast: (sent) => (sent as ChatEvent | CompleteEvent).event.case === 'finish',
  }
}

/** Everything that both servers serve. */
export function endpoints(methods: Methods, health: MethodsOf<typeof HealthCheckService>): Endpoint[] {
  return [
    ...mount(LlmGateway, methods, { endless: ['watchStats'], open: ['health'] }),
    ...mount(LlmGatewayAdmin, methods, { endless: ['ensureModel'] }),
    ...mount(HealthCheckService, health, { endless: ['watch'], open: ['check', 'watch'] }),
  ]
}

function mount<S extends DescService>(
  service: S,
  methods: MethodsOf<S>,
  special: { readonly endless?: readonly (keyof S['method'])[]; readonly open?: readonly (keyof S['method'])[] } = {},
): Endpoint[] {
  const endless: readonly PropertyKey[] = special.endless ?? []
  const open: readonly PropertyKey[] = special.open ?? []
  return service.methods.map((method) => {
    const path = `/${service.typeName}/${method.name}`
    const { localName } = method
    const traits = { endless: endless.includes(localName), isOpen: open.includes(localName) }
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
    case 'server_streaming': {
      return { kind: methodKind, call: implementation, heartbeat: heartbeats[output.typeName] }
    }
    default:
      throw new Error(`${name}: the contract has no methods that take a stream`)
  }
}
