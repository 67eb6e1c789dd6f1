import { type DescMessage, type DescMethod, fromBinary, type Message } from '@bufbuild/protobuf'
import { GatewayError } from '../../domain/errors/error.ts'
import { protoCheck } from './check-proto.ts'
import { type Encode, frameEncoderFor } from './encode.ts'

/** The messages of a method as bytes and back. */
export interface Codec {
  readonly decode: Decode
  readonly encode: Encode
}

/** Throws INVALID_REQUEST for bytes that are not such a message, or one of too many parts. */
export type Decode = (bytes: Uint8Array) => Message

/** Encodes each response as a whole gRPC frame. */
export function framedCodec({ input, output }: DescMethod): Codec {
  return { decode: decoderFor(input), encode: frameEncoderFor(output) }
}

export function decoderFor(schema: DescMessage): Decode {
  const check = protoCheck(schema)
  return (bytes) => {
    check(bytes)
    try {
      return fromBinary(schema, bytes)
    } catch (cause) {
      throw new GatewayError('INVALID_REQUEST', `The request is not a valid ${schema.typeName}.`, { cause })
    }
  }
}
