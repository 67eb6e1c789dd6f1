import type { DescField, DescMessage } from '@bufbuild/protobuf'
import { GatewayError } from './error.ts'

/**
 * Fields of a message, or values of a JSON text, nested ones included, that are made into objects at once: a request of
 * 16 MiB can hold millions, which would keep everybody else waiting for seconds. The most messages that are taken, of
 * ten fields each, are some 20,000.
 */
export const MAX_PARTS = 65_536

/** Whether bytes of a message, or of a JSON text, are so few that they cannot hold more parts. */
export function isSmall(bytes: number): boolean {
  return bytes <= MAX_PARTS
}

export function tooManyParts(): GatewayError {
  const message = `The request has more than ${MAX_PARTS} fields, those in its messages included: send less at once.`
  return new GatewayError('INVALID_REQUEST', message)
}

/** The fields of a message, or the value of an entry of a map. */
type Kind = readonly DescField[] | { readonly value: DescMessage | undefined }
/** What lies between here and `end`. */
interface Level {
  readonly end: number
  readonly kind: Kind
}

/**
 * How many fields the bytes of a message hold, nested ones included. Does not count far beyond MAX_PARTS, nor past what
 * is wrong. https://protobuf.dev/programming-guides/encoding/
 */
export function countFields(schema: DescMessage, bytes: Uint8Array): number {
  const levels: Level[] = [{ end: bytes.length, kind: schema.fields }]
  let at = 0
  let count = 0
  const varint = () => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++] ?? 0
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
  }
  while (at < bytes.length && count <= MAX_PARTS) {
    while (at >= (levels.at(-1)?.end ?? bytes.length) && levels.length > 1) levels.pop()
    const tag = varint()
    count++
    switch (tag % 8) {
      case 0:
        varint()
        break
      case 1:
        at += 8
        break
      case 2: {
        const length = varint()
        const kind = kindOf(levels.at(-1)?.kind, Math.floor(tag / 8))
        if (kind) levels.push({ end: at + length, kind })
        else at += length
        break
      }
      case 5:
        at += 4
        break
      default: // The beginning or the end of a group has nothing more.
    }
  }
  return count
}

/** What a field of this number holds; undefined where it is a text, bytes, or unknown. */
function kindOf(parent: Kind | undefined, number: number): Kind | undefined {
  if (!parent) return undefined
  if ('value' in parent) return number === 2 ? parent.value?.fields : undefined
  const field = parent.find((one) => one.number === number)
  return field?.fieldKind === 'map' ? { value: field.message } : field?.message?.fields
}

const [QUOTE, BACKSLASH, COMMA, COLON, BRACKET, BRACE] = Buffer.from('"\\,:[{')

/** How many values and keys a JSON text holds, nested ones included. Does not count far beyond MAX_PARTS. */
export function countValues(text: Uint8Array): number {
  let count = 1
  for (let at = 0; at < text.length && count <= MAX_PARTS; at++) {
    const byte = text[at]
    if (byte === QUOTE) at = endOfString(text, at)
    else if (byte === COMMA || byte === COLON || byte === BRACKET || byte === BRACE) count++
  }
  return count
}

/** Where the string ends that begins at `start`. */
function endOfString(text: Uint8Array, start: number): number {
  let at = start + 1
  while (at < text.length && text[at] !== QUOTE) at += text[at] === BACKSLASH ? 2 : 1
  return at
}
