import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf'

/** Whole numbers from 0 up to, not including, `below`. */
type Random = (below: number) => number

/** One part in this many is something that no encoder writes. */
const ODDITY = 40
const FIXED: ReadonlyMap<ScalarType | undefined, number> = new Map([
  [ScalarType.DOUBLE, 1],
  [ScalarType.FIXED64, 1],
  [ScalarType.SFIXED64, 1],
  [ScalarType.FLOAT, 5],
  [ScalarType.FIXED32, 5],
  [ScalarType.SFIXED32, 5],
])

/**
 * Random bytes that look like a message: any order and repetition of its fields, fields that it does not have, padded
 * numbers, and now and then a wrong wire type, length or text. About half of the messages are valid.
 */
export function randomProto(desc: DescMessage, random: Random, depth = 3): Buffer {
  const fields: Buffer[] = []
  for (let left = random(6); left > 0; left--) {
    const field = desc.fields[random(desc.fields.length + 1)]
    fields.push(field && (depth > 0 || !field.message) ? knownField(field, random, depth) : unknownField(random))
  }
  return Buffer.concat(fields)
}

function knownField(field: DescField, random: Random, depth: number): Buffer {
  if (field.fieldKind === 'map') {
    const entry = [singleField(1, field.mapKey, undefined, random, depth)]
    entry.push(singleField(2, field.scalar, field.message, random, depth))
    if (random(ODDITY) === 0) entry.push(unknownField(random))
    return delimited(field.number, Buffer.concat(entry.slice(random(3) === 0 ? 1 : 0)), random)
  }
  if (isPackable(field) && random(2) === 0) {
    const numbers = Array.from({ length: random(5) }, () => numberOf(wireTypeOf(field.scalar), random))
    return delimited(field.number, Buffer.concat(numbers), random)
  }
  return singleField(field.number, field.scalar, field.message, random, depth)
}

/** Whether the numbers of a list may follow one another in one field. */
export function isPackable(field: DescField): boolean {
  if (field.fieldKind !== 'list' || field.message) return false
  return field.scalar !== ScalarType.STRING && field.scalar !== ScalarType.BYTES
}

/** Wire type of a number; an enum has no scalar type. */
export function wireTypeOf(scalar: ScalarType | undefined): number {
  return FIXED.get(scalar) ?? 0
}

function singleField(
  number: number,
  scalar: ScalarType | undefined,
  message: DescMessage | undefined,
  random: Random,
  depth: number,
): Buffer {
  if (random(ODDITY) === 0) return oddField(number, random)
  if (message) return delimited(number, randomProto(message, random, depth - 1), random)
  if (scalar === ScalarType.STRING) return delimited(number, randomText(random), random)
  if (scalar === ScalarType.BYTES) return delimited(number, noise(random(20), random), random)
  const wireType = wireTypeOf(scalar)
  return Buffer.concat([varint(number * 8 + wireType), numberOf(wireType, random)])
}

function oddField(number: number, random: Random): Buffer {
  const wireType = random(8)
  const content = wireType === 2 ? delimited(number, noise(random(12), random), random) : numberOf(wireType, random)
  return wireType === 2 ? content : Buffer.concat([varint(number * 8 + wireType), content])
}

function unknownField(random: Random): Buffer {
  const number = random(30) === 0 ? 0 : 500 + random(100_000)
  const wireType = [0, 1, 2, 5, 0, 1, 2, 5, 3, 4][random(10)] ?? 0
  if (wireType === 2) return delimited(number, noise(random(12), random), random)
  return Buffer.concat([varint(number * 8 + wireType), numberOf(wireType, random)])
}

function numberOf(wireType: number, random: Random): Buffer {
  if (wireType === 1) return noise(8, random)
  if (wireType === 5) return noise(4, random)
  return varint(random(2) === 0 ? random(200) : random(2 ** 32), random(10) === 0 ? random(4) : 0)
}

function randomText(random: Random): Buffer {
  if (random(ODDITY) === 0) return noise(1 + random(8), random)
  const texts = ['', 'gpt-4o', 'Zürich', '東京', '🙂', 'x'.repeat(random(80)), 'é'.repeat(random(40))]
  return Buffer.from(texts[random(texts.length)] ?? '')
}

function delimited(number: number, content: Buffer, random: Random): Buffer {
  const length = content.length + (random(ODDITY) === 0 ? random(4) : 0)
  return Buffer.concat([varint(number * 8 + 2), varint(length, random(20) === 0 ? 1 : 0), content])
}

function noise(length: number, random: Random): Buffer {
  return Buffer.from(Array.from({ length }, () => random(256)))
}

/** `padding`: bytes that add nothing to the value. */
function varint(value: number, padding = 0): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  bytes.push(rest)
  for (let left = padding; left > 0; left--) {
    bytes.push((bytes.pop() ?? 0) | 128)
    bytes.push(0)
  }
  return Buffer.from(bytes)
}
