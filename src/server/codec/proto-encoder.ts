import { type DescField, type DescMessage, type Message, ScalarType } from '@bufbuild/protobuf'
import { type ScalarValue, scalarZeroValue } from '@bufbuild/protobuf/reflect'
import { FeatureSet_FieldPresence, isWrapperDesc } from '@bufbuild/protobuf/wkt'
import { ProtoWriter } from './proto-writer.ts'

/*
 * Encoders made from the descriptors of messages. The bytes are those of `toBinary`, which takes several times as long
 * because each call grows an array outside the heap.
 */

/** A message as a record of its fields. */
type Fields = Readonly<Record<string, unknown>> & Pick<Message, '$typeName' | '$unknown'>
type WriteMessage = (to: ProtoWriter, message: Fields) => void
type WriteField = (to: ProtoWriter, message: Fields) => void
type WriteValue = (to: ProtoWriter, value: unknown) => void

/**
 * Undefined for messages with fields that this encoder does not support: maps, wrappers, and kinds of numbers that the
 * contract does not use. `take` turns the written bytes into the result.
 */
export function protoEncoder(
  desc: DescMessage,
  take: (writer: ProtoWriter) => Buffer = (writer) => writer.take(),
): ((message: Message) => Buffer) | undefined {
  if (!isKnown(desc)) return undefined
  const write = compile(desc, new Map())
  const writer = new ProtoWriter()
  return (message) => {
    try {
      write(writer, message as Message & Fields) // its fields are those of the descriptor
      return take(writer)
    } catch (error) {
      writer.clear()
      throw error
    }
  }
}

interface Kind {
  readonly wireType: number
  readonly write: WriteValue
  /** Writes the values of a packed list, if that is faster than one by one. */
  readonly writeAll?: WriteValue
}

const LENGTH_DELIMITED = 2

/** The casts hold because the values of a field have the type that its descriptor says. */
const kinds: Partial<Record<ScalarType, Kind>> = {
  [ScalarType.BOOL]: { wireType: 0, write: (to, value) => to.varint(value ? 1 : 0) },
  [ScalarType.INT32]: { wireType: 0, write: (to, value) => to.varint64(value as number) },
  [ScalarType.UINT32]: { wireType: 0, write: (to, value) => to.varint(value as number) },
  [ScalarType.INT64]: { wireType: 0, write: (to, value) => to.varint64(value as bigint) },
  [ScalarType.UINT64]: { wireType: 0, write: (to, value) => to.varint64(value as bigint) },
  [ScalarType.DOUBLE]: { wireType: 1, write: (to, value) => to.double(value as number) },
  [ScalarType.FLOAT]: {
    wireType: 5,
    write: (to, value) => to.float(value as number),
    writeAll: (to, values) => to.floats(values as readonly number[]),
  },
  [ScalarType.STRING]: { wireType: LENGTH_DELIMITED, write: (to, value) => to.text(value as string) },
  [ScalarType.BYTES]: { wireType: LENGTH_DELIMITED, write: (to, value) => to.bytes(value as Uint8Array) },
}

/** `above`: the messages that contain this one. */
function isKnown(desc: DescMessage, above: readonly DescMessage[] = []): boolean {
  if (isWrapperDesc(desc)) return false
  return desc.fields.every((field) => {
    if (field.fieldKind === 'map') return false
    if (!field.message) return kindOf(field) !== undefined
    return above.includes(field.message) || isKnown(field.message, [...above, desc])
  })
}

function kindOf(field: DescField): Kind | undefined {
  if (field.enum) return kinds[ScalarType.INT32]
  return field.scalar === undefined ? undefined : kinds[field.scalar]
}

/** `compiled`: the messages compiled so far, because a message may contain itself. */
function compile(desc: DescMessage, compiled: Map<DescMessage, WriteMessage>): WriteMessage {
  const known = compiled.get(desc)
  if (known) return known
  const fields: WriteField[] = []
  const write: WriteMessage = (to, message) => {
    if (message.$typeName !== desc.typeName) throw new TypeError(`${desc.typeName} was expected`)
    if (message.$unknown) writeUnknown(to, message.$unknown)
    for (const writeField of fields) writeField(to, message)
  }
  compiled.set(desc, write)
  fields.push(...[...desc.fields].sort((a, b) => b.number - a.number).map((field) => compileField(field, compiled)))
  return write
}

/** Writes fields of a later version of the contract. */
function writeUnknown(to: ProtoWriter, fields: NonNullable<Message['$unknown']>): void {
  for (const { no, wireType, data } of fields.toReversed()) {
    to.bytes(data)
    to.varint(no * 8 + wireType)
  }
}

function compileField(field: DescField, compiled: Map<DescMessage, WriteMessage>): WriteField {
  const name = field.localName
  const write = compileValue(field, compiled)
  if (field.fieldKind === 'list') {
    const all = (field.packed && kindOf(field)?.writeAll) || each(write)
    const writeAll = field.packed ? packed(field.number, all) : all
    return (to, message) => writeAll(to, message[name] as readonly unknown[]) // a list is never absent
  }
  if (field.oneof) {
    const oneof = field.oneof.localName
    return (to, message) => {
      const chosen = message[oneof] as { readonly case?: string; readonly value?: unknown } // as every oneof
      if (chosen.case === name) write(to, chosen.value)
    }
  }
  const zero = zeroOf(field)
  // -0 is not the zero value; only these types can be -0, and for the others the comparison is faster.
  const isZero = field.scalar === ScalarType.DOUBLE || field.scalar === ScalarType.FLOAT ? Object.is : undefined
  return (to, message) => {
    const value = message[name]
    if (value === undefined || (isZero ? isZero(value, zero) : value === zero)) return
    write(to, value)
  }
}

/** Writes one value with its tag; values of a packed list have none. */
function compileValue(field: DescField, compiled: Map<DescMessage, WriteMessage>): WriteValue {
  if (field.message) {
    const write = compile(field.message, compiled)
    const tag = field.number * 8 + LENGTH_DELIMITED
    return (to, message) => {
      const end = to.length
      write(to, message as Fields) // as the descriptor says
      to.varint(to.length - end)
      to.varint(tag)
    }
  }
  const { wireType, write } = kindOf(field) as Kind // isKnown has checked every field
  const tag = field.number * 8 + wireType
  if (field.fieldKind === 'list' && field.packed) return write
  if (wireType !== LENGTH_DELIMITED) {
    return (to, value) => {
      write(to, value)
      to.varint(tag)
    }
  }
  return (to, value) => {
    const end = to.length
    write(to, value)
    to.varint(to.length - end)
    to.varint(tag)
  }
}

function each(write: WriteValue) {
  return (to: ProtoWriter, values: readonly unknown[]) => {
    for (let index = values.length - 1; index >= 0; index--) write(to, values[index])
  }
}

function packed(number: number, writeAll: (to: ProtoWriter, values: readonly unknown[]) => void) {
  const tag = number * 8 + LENGTH_DELIMITED
  return (to: ProtoWriter, values: readonly unknown[]) => {
    if (values.length === 0) return
    const end = to.length
    writeAll(to, values)
    to.varint(to.length - end)
    to.varint(tag)
  }
}

/** The value of a field without presence if it is not encoded. */
function zeroOf(field: DescField): ScalarValue | undefined {
  if (field.presence !== FeatureSet_FieldPresence.IMPLICIT) return undefined
  if (field.enum) return field.enum.values[0]?.number
  return field.scalar && scalarZeroValue(field.scalar, false)
}
