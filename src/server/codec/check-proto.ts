import { isUtf8 } from 'node:buffer'
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf'
import { GatewayError } from '../../domain/errors/error.ts'
import { holdsRequests, MAX_BATCH_PARTS, MAX_PARTS, maxPartsOf, tooManyParts } from '../../domain/parts.ts'

/*
 * One strict pass over the bytes of a request before they are decoded. The decoder trusts the wire type of known fields,
 * follows nested lengths past the end of their parent and merges repeated messages at growing cost; what passes here
 * has none of that. https://protobuf.dev/programming-guides/encoding/
 */

/**
 * Counts the parts of a message: its fields, those of nested messages and map entries, and the numbers of packed lists.
 * Throws INVALID_REQUEST for more than MAX_PARTS, in a batch for more than that in one request or MAX_BATCH_PARTS in all, and for bytes that are not such a message.
 */
export type CheckProto = (bytes: Uint8Array) => number

/** Nested messages, the outermost included, that the decoder takes as well. */
const MAX_DEPTH = 100
/** Up to this length a loop over the bytes of a text is faster than the call into native code. */
const SHORT_TEXT = 32

const VARINT = 0
const FIXED_64 = 1
const LENGTH_DELIMITED = 2
const FIXED_32 = 5

/** What the bytes of a field may be. */
interface Rule {
  readonly wireType: number
  /** Whether the numbers of a list may also follow one another in one field. */
  readonly packable: boolean
  readonly isText: boolean
  /** Fields of the message or map entry that the field holds. */
  readonly fields: Fields | undefined
  /** Whether the field is an entry of a map, which the decoder does not count as a level. */
  readonly isEntry: boolean
  /** A bit of its own for a field that may occur once only; 0 for all others. */
  readonly once: number
  /** Whether each value of the field is a whole request, with the limit of a single one. */
  readonly isRequest: boolean
}

interface Fields {
  readonly typeName: string
  readonly rules: Map<number, Rule>
}

export function protoCheck(desc: DescMessage): CheckProto {
  const fields = fieldsOf(desc, new Map())
  const limit = maxPartsOf(desc)
  return (bytes) => new Pass(desc.typeName, bytes, limit).check(fields)
}

/** `known`: the messages seen so far, because a message may contain itself. */
function fieldsOf(desc: DescMessage, known: Map<DescMessage, Fields>): Fields {
  const found = known.get(desc)
  if (found) return found
  const fields: Fields = { typeName: desc.typeName, rules: new Map() }
  known.set(desc, fields)
  let singularMessages = 0
  for (const field of desc.fields) {
    const once = field.fieldKind === 'message' ? 1 << singularMessages++ : 0
    fields.rules.set(field.number, ruleOf(field, once, known))
  }
  if (singularMessages > 32) throw new Error(`${desc.typeName} has more than 32 fields that hold one message`)
  return fields
}

function ruleOf(field: DescField, once: number, known: Map<DescMessage, Fields>): Rule {
  if (field.fieldKind === 'map') {
    const rules = new Map<number, Rule>([
      [1, scalarRule(field.mapKey, false, 1)],
      [2, field.message ? messageRule(fieldsOf(field.message, known), 2) : scalarRule(field.scalar, false, 2)],
    ])
    const entry = { typeName: `${field.parent.typeName}.${field.name}`, rules }
    return { ...messageRule(entry, 0), isEntry: true }
  }
  if (field.message) {
    return { ...messageRule(fieldsOf(field.message, known), once), isRequest: holdsRequests(field) }
  }
  return scalarRule(field.scalar, field.fieldKind === 'list', once)
}

function messageRule(fields: Fields, once: number): Rule {
  return { wireType: LENGTH_DELIMITED, packable: false, isText: false, fields, isEntry: false, once, isRequest: false }
}

/** An enum has no scalar type: it is a varint. */
function scalarRule(scalar: ScalarType | undefined, isList: boolean, once: number): Rule {
  const wireType = scalar === undefined ? VARINT : wireTypeOf(scalar)
  const packable = isList && wireType !== LENGTH_DELIMITED
  const isText = scalar === ScalarType.STRING
  return { wireType, packable, isText, fields: undefined, isEntry: false, once, isRequest: false }
}

function wireTypeOf(scalar: ScalarType): number {
  switch (scalar) {
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return FIXED_64
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return FIXED_32
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return LENGTH_DELIMITED
    default:
      return VARINT
  }
}

/** One pass over the bytes of one message. */
class Pass {
  readonly #typeName: string
  readonly #bytes: Uint8Array
  #at = 0
  #count = 0
  /** What the count may reach, in the request that is being read. */
  #limit: number

  constructor(typeName: string, bytes: Uint8Array, limit: number) {
    this.#typeName = typeName
    this.#bytes = bytes
    this.#limit = limit
  }

  check(fields: Fields): number {
    this.#message(fields, this.#bytes.length, 1)
    return this.#count
  }

  #message(fields: Fields, end: number, depth: number): void {
    if (depth > MAX_DEPTH) throw this.#malformed(`more than ${MAX_DEPTH} messages inside one another`)
    let seen = 0
    while (this.#at < end) {
      const tag = this.#varint32(end)
      const number = tag >>> 3
      if (number === 0) throw this.#malformed('field number 0')
      this.#add(1)
      const rule = fields.rules.get(number)
      if (!rule) {
        this.#skip(tag & 7, number, end)
        continue
      }
      if ((seen & rule.once) !== 0) throw this.#malformed(`field ${number} of ${fields.typeName} occurs twice`)
      seen |= rule.once
      this.#value(fields, number, tag & 7, rule, end, depth)
    }
  }

  /** The value of a known field. */
  #value({ typeName }: Fields, number: number, wireType: number, rule: Rule, end: number, depth: number): void {
    if (wireType !== rule.wireType) {
      if (rule.packable && wireType === LENGTH_DELIMITED) {
        this.#packed(rule.wireType, this.#length(end))
        return
      }
      throw this.#malformed(`field ${number} of ${typeName} has wire type ${wireType}, not ${rule.wireType}`)
    }
    if (wireType !== LENGTH_DELIMITED) {
      this.#number(wireType, end)
      return
    }
    const valueEnd = this.#length(end)
    if (rule.isRequest && rule.fields) this.#request(rule.fields, valueEnd, depth + 1)
    else if (rule.fields) this.#message(rule.fields, valueEnd, rule.isEntry ? depth : depth + 1)
    else if (rule.isText) this.#text(valueEnd, number, typeName)
    else this.#at = valueEnd
  }

  /** A request of a batch. */
  #request(fields: Fields, end: number, depth: number): void {
    const limit = this.#limit
    this.#limit = Math.min(limit, this.#count + MAX_PARTS)
    this.#message(fields, end, depth)
    this.#limit = limit
  }

  /** The value of a field that this version of the contract does not have. */
  #skip(wireType: number, number: number, end: number): void {
    if (wireType === LENGTH_DELIMITED) this.#at = this.#length(end)
    else if (wireType === VARINT || wireType === FIXED_64 || wireType === FIXED_32) this.#number(wireType, end)
    else throw this.#malformed(`field ${number} has wire type ${wireType}`)
  }

  #number(wireType: number, end: number): void {
    if (wireType === VARINT) {
      this.#varint64(end)
      return
    }
    this.#at += wireType === FIXED_64 ? 8 : 4
    if (this.#at > end) throw this.#truncated()
  }

  #packed(wireType: number, end: number): void {
    if (wireType === VARINT) {
      while (this.#at < end) {
        this.#add(1)
        this.#varint64(end)
      }
      return
    }
    const count = (end - this.#at) / (wireType === FIXED_64 ? 8 : 4)
    if (!Number.isInteger(count)) throw this.#truncated()
    this.#add(count)
    this.#at = end
  }

  #text(end: number, number: number, typeName: string): void {
    let at = this.#at
    if (end - at <= SHORT_TEXT) while (at < end && (this.#bytes[at] ?? 0) < 0x80) at++
    if (at < end && !isUtf8(this.#bytes.subarray(at, end))) {
      throw this.#malformed(`field ${number} of ${typeName} is not UTF-8`)
    }
    this.#at = end
  }

  /** The end of a value that begins with its length. */
  #length(end: number): number {
    const length = this.#varint32(end)
    if (length > end - this.#at) throw this.#truncated()
    return this.#at + length
  }

  /** A tag or a length. Some writers pad lengths with zeros, which is valid. */
  #varint32(end: number): number {
    let value = 0
    for (let shift = 0; this.#at < end; shift += 7) {
      const byte = this.#bytes[this.#at++] ?? 0
      if (shift === 28 && byte > 0x0f) throw this.#malformed('a tag or length above 32 bits')
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
    throw this.#truncated()
  }

  #varint64(end: number): void {
    for (let length = 1; this.#at < end; length++) {
      const byte = this.#bytes[this.#at++] ?? 0
      if (length === 10 && byte > 1) throw this.#malformed('a number above 64 bits')
      if (byte < 0x80) return
    }
    throw this.#truncated()
  }

  #add(parts: number): void {
    this.#count += parts
    if (this.#count > this.#limit) throw tooManyParts(this.#limit === MAX_BATCH_PARTS ? MAX_BATCH_PARTS : MAX_PARTS)
  }

  #truncated(): GatewayError {
    return this.#malformed('a field ends beyond the end of its message')
  }

  #malformed(what: string): GatewayError {
    const message = `The request is not a valid ${this.#typeName}: ${what}. Use a client generated from the gateway's proto files.`
    return new GatewayError('INVALID_REQUEST', message)
  }
}
