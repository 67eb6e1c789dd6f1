import type { DescField, DescMessage } from '@bufbuild/protobuf'
import { GatewayError } from './errors/error.ts'

/**
 * Limit for the parts of one request: fields of a message, or values and keys of a JSON text, nested ones included.
 * Each becomes an object when the request is decoded, and a request of 16 MiB could hold millions. The largest
 * conversation that is accepted has about 20,000.
 */
export const MAX_PARTS = 65_536

/** The same for all requests of a batch together; each of them has the limit of a single request. */
export const MAX_BATCH_PARTS = 4 * MAX_PARTS

/** Whether a field holds the requests of a batch. */
export function holdsRequests({ fieldKind, message }: DescField): boolean {
  return fieldKind === 'list' && message?.name.endsWith('Request') === true
}

/** The limit for the parts of a message. */
export function maxPartsOf({ fields }: DescMessage): number {
  return fields.some(holdsRequests) ? MAX_BATCH_PARTS : MAX_PARTS
}

/** Whether a JSON text is too short to have more than MAX_PARTS parts. */
export function isSmall(bytes: number): boolean {
  return bytes <= MAX_PARTS
}

export function tooManyParts(limit = MAX_PARTS): GatewayError {
  const message = `The request has more than ${limit} fields, those of nested messages included. Send less in one request.`
  return new GatewayError('INVALID_REQUEST', message)
}

const [QUOTE, BACKSLASH, COMMA, COLON, BRACKET, BRACE] = Buffer.from('"\\,:[{')

/** How many values and keys a JSON text has, nested ones included. Stops counting above MAX_PARTS. */
export function countValues(text: Uint8Array): number {
  let count = 1
  for (let at = 0; at < text.length && count <= MAX_PARTS; at++) {
    const byte = text[at]
    if (byte === QUOTE) at = endOfString(text, at)
    else if (byte === COMMA || byte === COLON || byte === BRACKET || byte === BRACE) count++
  }
  return count
}

function endOfString(text: Uint8Array, start: number): number {
  let at = start + 1
  while (at < text.length && text[at] !== QUOTE) at += text[at] === BACKSLASH ? 2 : 1
  return at
}
