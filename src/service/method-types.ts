import type { DescMethod, DescService, MessageShape } from '@bufbuild/protobuf'
import type { CallContext } from '../domain/calls/call.ts'
import type { EventStream } from '../domain/streams/event-stream.ts'
import type { LlmGateway, LlmGatewayAdmin } from '../domain/types.ts'

/** A method that returns one message. It throws or rejects with a GatewayError. */
export type UnaryMethod<I, O> = (request: I, context: CallContext) => Promise<O>

/**
 * A method that returns a stream; the promise settles when the first message is there. It throws or rejects with a
 * GatewayError.
 */
export type StreamMethod<I, O> = (request: I, context: CallContext) => Promise<EventStream<O>>

type MethodOf<M extends DescMethod> = M['methodKind'] extends 'server_streaming'
  ? StreamMethod<MessageShape<M['input']>, MessageShape<M['output']>>
  : UnaryMethod<MessageShape<M['input']>, MessageShape<M['output']>>

/** The implementation of a service of the contract: one function per method. */
export type MethodsOf<S extends DescService> = { readonly [Name in keyof S['method']]: MethodOf<S['method'][Name]> }

/** All methods of the gateway, as both servers mount them. */
export interface Methods extends MethodsOf<typeof LlmGateway>, MethodsOf<typeof LlmGatewayAdmin> {}
