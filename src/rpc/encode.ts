import { type DescMessage, fromBinary, type Message, toBinary } from '@bufbuild/protobuf'
import { GatewayError } from '../domain/error.ts'
import { protoEncoder } from './proto-encoder.ts'

/** A message as bytes. */
export type Encode = (message: Message) => Buffer

export function encoderFor(schema: DescMessage): Encode {
  return protoEncoder(schema) ?? ((message) => Buffer.from(toBinary(schema, message)))
}

/** Throws INVALID_REQUEST for bytes that are not such a message. */
export function decode(schema: DescMessage, bytes: Uint8Array): Message {
  try {
    return fromBinary(schema, bytes)
  } catch (cause) {
    throw new GatewayError('INVALID_REQUEST', `The request is not a ${schema.typeName}.`, { cause })
  }
}
