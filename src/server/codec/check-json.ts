import { isUtf8 } from 'node:buffer'
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf'
import { GatewayError } from '../../domain/errors/error.ts'
import { maxPartsOf, tooManyParts } from '../../domain/parts.ts'

/**
 * Checks a JSON request before it is parsed, so that neither parsing nor an error message costs more than its size: its
 * depth, how many parts it has, and the length of numbers and field names. Syntax and types are left to the parser.
 * Returns how many values and keys the text has. Throws INVALID_REQUEST.
 */
export type CheckJson = (text: Uint8Array) => number

const MAX_DEPTH = 100
/** Length of a number, of a field name and of a text that stands for a number, an enum or a time, in bytes. */
const MAX_SHORT = 128

const TAB = 9
const NEWLINE = 10
const RETURN = 13
const [SPACE, QUOTE, COMMA, COLON, OPEN_LIST, BACKSLASH, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] =
  Buffer.from(' ",:[\\]{}')

/** What this check knows of a value. */
interface Shape {
  /** Whether a text in its place is a number, an enum or a time. */
  readonly isShort: boolean
  /** Fields of a message by name. */
  readonly fields?: ReadonlyMap<string, Shape>
  /** Shape of the items of a list or the values of a map. */
  readonly inner?: Shape
}

/** Texts, bytes and any JSON value. */
const FREE: Shape = { isShort: false }
const SHORT: Shape = { isShort: true }
/** Standard messages that are texts of any length or any JSON value in JSON. */
const FREE_MESSAGES: ReadonlySet<string> = new Set(
  ['Any', 'Struct', 'Value', 'ListValue', 'StringValue', 'BytesValue', 'FieldMask'].map(
    (name) => `google.protobuf.${name}`,
  ),
)

export function jsonCheck(desc: DescMessage): CheckJson {
  const shape = messageShape(desc, new Map())
  const limit = maxPartsOf(desc)
  return (text) => {
    if (!isUtf8(text)) throw new GatewayError('INVALID_REQUEST', 'The request is not UTF-8. Send JSON in UTF-8.')
    return new Pass(text, limit).check(shape)
  }
}

function messageShape(desc: DescMessage, known: Map<DescMessage, Shape>): Shape {
  if (FREE_MESSAGES.has(desc.typeName)) return FREE
  if (desc.typeName.startsWith('google.protobuf.')) return SHORT
  const found = known.get(desc)
  if (found) return found
  const fields = new Map<string, Shape>()
  const shape: Shape = { isShort: false, fields }
  known.set(desc, shape)
  for (const field of desc.fields) {
    const fieldShape = shapeOf(field, known)
    fields.set(field.name, fieldShape).set(field.jsonName, fieldShape)
  }
  return shape
}

function shapeOf(field: DescField, known: Map<DescMessage, Shape>): Shape {
  const value = field.message ? messageShape(field.message, known) : scalarShape(field.scalar)
  return field.fieldKind === 'list' || field.fieldKind === 'map' ? { isShort: false, inner: value } : value
}

/** An enum has no scalar type. */
function scalarShape(scalar: ScalarType | undefined): Shape {
  return scalar === ScalarType.STRING || scalar === ScalarType.BYTES ? FREE : SHORT
}

/** One pass over one JSON text. */
class Pass {
  readonly #text: Buffer
  readonly #limit: number
  #at = 0
  #count = 0
  /** The lists and objects around the current place, outermost first, and which of them are objects. */
  readonly #shapes: Shape[] = []
  readonly #objects: boolean[] = []
  /** What the next value may be. */
  #next: Shape = FREE
  #isKeyNext = false

  constructor(text: Uint8Array, limit: number) {
    this.#limit = limit
    this.#text = Buffer.from(text.buffer, text.byteOffset, text.byteLength)
  }

  check(shape: Shape): number {
    this.#next = shape
    while (this.#at < this.#text.length) this.#token()
    return this.#count
  }

  #token(): void {
    switch (this.#text[this.#at]) {
      case QUOTE:
        this.#add()
        this.#string()
        return
      case OPEN_OBJECT:
        this.#open(true)
        return
      case OPEN_LIST:
        this.#open(false)
        return
      case CLOSE_OBJECT:
      case CLOSE_LIST:
        this.#shapes.pop()
        this.#objects.pop()
        break
      case COMMA:
        this.#continue()
        break
      case COLON:
      case SPACE:
      case TAB:
      case NEWLINE:
      case RETURN:
        break
      default:
        this.#add()
        this.#word()
        return
    }
    this.#at++
  }

  #open(isObject: boolean): void {
    this.#add()
    if (this.#shapes.length >= MAX_DEPTH) throw invalid(`nested deeper than ${MAX_DEPTH} levels`)
    this.#shapes.push(this.#next)
    this.#objects.push(isObject)
    this.#continue()
    this.#at++
  }

  /** A key, an item or a value of the innermost list or object follows. */
  #continue(): void {
    this.#isKeyNext = this.#objects.at(-1) ?? false
    this.#next = this.#shapes.at(-1)?.inner ?? FREE
  }

  /** A key or a text. */
  #string(): void {
    const start = this.#at + 1
    const text = this.#text
    let at = start
    while (at < text.length && text[at] !== QUOTE) at += text[at] === BACKSLASH ? 2 : 1
    const end = Math.min(at, text.length)
    this.#at = end + 1
    if (this.#isKeyNext) this.#key(start, end)
    else if (this.#next.isShort && end - start > MAX_SHORT) {
      throw invalid(`${end - start} bytes long in the place of a number, an enum or a time`)
    }
  }

  #key(start: number, end: number): void {
    this.#isKeyNext = false
    const fields = this.#shapes.at(-1)?.fields
    if (!fields) return
    if (end - start > MAX_SHORT) throw invalid(`a field name of ${end - start} bytes`)
    this.#next = fields.get(this.#name(start, end)) ?? FREE
  }

  #name(start: number, end: number): string {
    const name = this.#text.toString('latin1', start, end)
    if (!name.includes('\\')) return name
    try {
      return String(JSON.parse(`"${name}"`))
    } catch {
      return '' // the parser refuses it
    }
  }

  /** A number, true, false, null, or what the parser refuses. */
  #word(): void {
    const start = this.#at
    const end = Math.min(start + MAX_SHORT + 1, this.#text.length)
    while (this.#at < end && !isDelimiter(this.#text[this.#at])) this.#at++
    if (this.#at - start > MAX_SHORT) throw invalid(`a number of more than ${MAX_SHORT} bytes`)
  }

  #add(): void {
    if (++this.#count > this.#limit) throw tooManyParts(this.#limit)
  }
}

function isDelimiter(byte: number | undefined): boolean {
  switch (byte) {
    case SPACE:
    case TAB:
    case NEWLINE:
    case RETURN:
    case QUOTE:
    case COMMA:
    case COLON:
    case OPEN_LIST:
    case CLOSE_LIST:
    case OPEN_OBJECT:
    case CLOSE_OBJECT:
      return true
    default:
      return false
  }
}

function invalid(what: string): GatewayError {
  return new GatewayError('INVALID_REQUEST', `The JSON of the request is not accepted: ${what}.`)
}
