import { type DescMessage, type Message, toBinary } from '@bufbuild/protobuf'
import { protoEncoder } from './proto-encoder.ts'
import { ProtoWriter } from './proto-writer.ts'

/** Encodes a message. */
export type Encode = (message: Message) => Buffer

/** Bytes before each message: whether it is compressed, and its length. https://grpc.github.io/grpc/core/md_doc__p_r_o_t_o_c_o_l-_h_t_t_p2.html */
export const FRAME_PREFIX = 5

export function encoderFor(schema: DescMessage): Encode {
  return protoEncoder(schema) ?? ((message) => Buffer.from(toBinary(schema, message)))
}

/** Encodes messages with the prefix that gRPC puts before them. */
export function frameEncoderFor(schema: DescMessage): Encode {
  return protoEncoder(schema, framed) ?? ((message) => framedBytes(toBinary(schema, message)))
}

function framed(writer: ProtoWriter): Buffer {
  writer.fixed32BigEndian(writer.length)
  writer.varint(0)
  return writer.take()
}

function framedBytes(bytes: Uint8Array): Buffer {
  const writer = new ProtoWriter()
  writer.bytes(bytes)
  return framed(writer)
}
