import type { DescMethod, DescService, MessageShape } from '@bufbuild/protobuf'
import type { CallContext } from '../domain/call.ts'
import type { EventStream } from '../domain/event-stream.ts'
import type { LlmGateway, LlmGatewayAdmin } from '../domain/types.ts'

/** Answers with one message. It throws or rejects with a GatewayError. */
export type UnaryMethod<I, O> = (request: I, context: CallContext) => Promise<O>

/** Answers with a stream, which settles when its first message is in hand. It throws or rejects with a GatewayError. */
export type StreamMethod<I, O> = (request: I, context: CallContext) => Promise<EventStream<O>>

type MethodOf<M extends DescMethod> = M['methodKind'] extends 'server_streaming'
  ? StreamMethod<MessageShape<M['input']>, MessageShape<M['output']>>
  : UnaryMethod<MessageShape<M['input']>, MessageShape<M['output']>>

/** What a service of the contract has to implement: one function for each of its methods, by its name. */
export type MethodsOf<S extends DescService> = { readonly [Name in keyof S['method']]: MethodOf<S['method'][Name]> }

/** The whole of the gateway, as each door mounts it. */
export interface Methods extends MethodsOf<typeof LlmGateway>, MethodsOf<typeof LlmGatewayAdmin> {}
