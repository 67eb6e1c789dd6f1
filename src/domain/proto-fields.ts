/*
 * The fields of an encoded message. The bytes must have passed the server's check of requests, or come from our own
 * encoder: there are no groups, no length leads beyond the end, and no message but a list's occurs twice.
 * https://protobuf.dev/programming-guides/encoding/#structure
 */

/** `start` is the offset of the field's tag, `value` that of its content, `end` the offset behind it. */
type VisitField = (number: number, start: number, value: number, end: number) => void

/** Visits the fields of a message in the order of its bytes; fields of nested messages are not visited. */
export function eachField(bytes: Uint8Array, visit: VisitField): void {
  for (let at = 0; at < bytes.length; ) {
    const tag = varintAt(bytes, at)
    const content = endOfVarint(bytes, at)
    const isDelimited = (tag & 7) === LENGTH_DELIMITED
    const value = isDelimited ? endOfVarint(bytes, content) : content
    const end = isDelimited ? value + varintAt(bytes, content) : endOfNumber(bytes, value, tag & 7)
    visit(tag >>> 3, at, value, end)
    at = end
  }
}

/** The bytes of a nested message; empty if the field is not set. */
export function fieldBytes(bytes: Uint8Array, number: number): Uint8Array {
  let found: Uint8Array = new Uint8Array()
  eachField(bytes, (candidate, _start, value, end) => {
    if (candidate === number) found = bytes.subarray(value, end)
  })
  return found
}

/** The bytes of a message without the fields that `isLeftOut` names, in pieces. */
export function withoutFields(bytes: Uint8Array, isLeftOut: (number: number) => boolean): Uint8Array[] {
  const kept: Uint8Array[] = []
  let from = 0
  eachField(bytes, (number, start, _value, end) => {
    if (!isLeftOut(number)) return
    if (start > from) kept.push(bytes.subarray(from, start))
    from = end
  })
  if (from < bytes.length) kept.push(bytes.subarray(from))
  return kept
}

const LENGTH_DELIMITED = 2

function endOfNumber(bytes: Uint8Array, at: number, wireType: number): number {
  if (wireType === 0) return endOfVarint(bytes, at)
  return at + (wireType === 1 ? 8 : 4)
}

/** A tag or a length, which have at most 32 bits. */
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
