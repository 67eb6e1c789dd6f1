import { type DescMessage, fromBinary, type Message, toBinary } from '@bufbuild/protobuf'
import { GatewayError } from '../domain/error.ts'
import { type ChatEvent, ChatEventSchema } from '../domain/types.ts'

/** A message as bytes. */
export type Encode = (message: Message) => Buffer

/** Below this size a copy into Node's pool is cheaper than a view. */
const SMALL = 1024

export function encoderFor(schema: DescMessage): Encode {
  const encode: Encode = (message) => {
    const bytes = toBinary(schema, message)
    return bytes.length < SMALL ? Buffer.from(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
  if (schema.typeName !== ChatEventSchema.typeName) return encode
  return (message) => encodeText(message as ChatEvent) ?? encode(message) // its type name says what it is
}

/** Throws INVALID_REQUEST for bytes that are not such a message. */
export function decode(schema: DescMessage, bytes: Uint8Array): Message {
  try {
    return fromBinary(schema, bytes)
  } catch (cause) {
    throw new GatewayError('INVALID_REQUEST', `The request is not a ${schema.typeName}.`, { cause })
  }
}

/** Fields 2 of ChatEvent, `text`, and 1 of TextEvent, `text`, with a length. */
const EVENT_TEXT = 0x12
const TEXT = 0x0a

/**
 * A text event by hand: nearly every message of a stream is one, and `toBinary` takes several times as long. The bytes
 * are those of `toBinary`. Undefined for what it does not know.
 */
function encodeText({ event, $unknown }: ChatEvent): Buffer | undefined {
  if (event.case !== 'text' || $unknown || event.value.$unknown || event.value.signature) return undefined
  const { text } = event.value
  if (text === '') return Buffer.from([EVENT_TEXT, 0])
  const length = Buffer.byteLength(text)
  const inner = 1 + varintLength(length) + length
  const bytes = Buffer.allocUnsafe(1 + varintLength(inner) + inner)
  bytes[0] = EVENT_TEXT
  let at = writeVarint(bytes, inner, 1)
  bytes[at] = TEXT
  at = writeVarint(bytes, length, at + 1)
  bytes.write(text, at)
  return bytes
}

function varintLength(value: number): number {
  let length = 1
  for (let rest = value; rest > 0x7f; rest >>>= 7) length++
  return length
}

function writeVarint(bytes: Buffer, value: number, at: number): number {
  let rest = value
  let position = at
  while (rest > 0x7f) {
    bytes[position++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  bytes[position++] = rest
  return position
}
