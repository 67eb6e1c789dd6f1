/** One field of a message, by its place in the message's bytes. */
export interface ProtoField {
  readonly number: number
  /** Of its tag. */
  readonly start: number
  /** Of its value. */
  readonly value: number
  readonly end: number
}

/**
 * The fields of a message that has been decoded, in the order of its bytes.
 * https://protobuf.dev/programming-guides/encoding/#structure
 */
export function fieldsOf(bytes: Uint8Array): ProtoField[] {
  const fields: ProtoField[] = []
  for (let at = 0; at < bytes.length; ) {
    const tag = varintAt(bytes, at)
    const wireType = tag & 7
    const length = endOfVarint(bytes, at)
    const value = wireType === LENGTH_DELIMITED ? endOfVarint(bytes, length) : length
    const end = wireType === LENGTH_DELIMITED ? value + varintAt(bytes, length) : endOfValue(bytes, value, wireType)
    fields.push({ number: tag >>> 3, start: at, value, end })
    at = end
  }
  return fields
}

/** The bytes of the last field with this number, which holds a message; empty where there is none. */
export function fieldBytes(bytes: Uint8Array, number: number): Uint8Array {
  const field = fieldsOf(bytes).findLast((candidate) => candidate.number === number)
  return field ? bytes.subarray(field.value, field.end) : new Uint8Array()
}

const LENGTH_DELIMITED = 2

function endOfValue(bytes: Uint8Array, at: number, wireType: number): number {
  if (wireType === 0) return endOfVarint(bytes, at)
  if (wireType === 1) return at + 8
  // Groups, which the contract does not have, take all that is left.
  return wireType === 5 ? at + 4 : bytes.length
}

/** Of a tag or a length: they have 32 bits. */
function varintAt(bytes: Uint8Array, at: number): number {
  let value = 0
  for (let index = at, shift = 0; shift < 35; index++, shift += 7) {
    const byte = bytes[index] ?? 0
    value |= (byte & 0x7f) << shift
    if (byte < 0x80) break
  }
  return value >>> 0
}

function endOfVarint(bytes: Uint8Array, at: number): number {
  let end = at
  while (end < bytes.length && (bytes[end] ?? 0) >= 0x80) end++
  return end + 1
}
