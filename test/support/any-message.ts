import { create, type DescField, type DescMessage, type Message, ScalarType } from '@bufbuild/protobuf'
import fc from 'fast-check'

/** Any message of a kind, made from its descriptor; nested a few levels deep. */
export function anyMessage(desc: DescMessage, depth = 4): fc.Arbitrary<Message> {
  const fields = desc.fields.filter((field) => !field.oneof && (depth > 0 || !field.message))
  const members = Object.fromEntries(
    fields.map((field) => [field.localName, fc.option(anyField(field, depth), { nil: undefined })]),
  )
  const oneofs = desc.oneofs.map((oneof) =>
    fc.oneof(
      ...oneof.fields
        .filter((field) => depth > 0 || !field.message)
        .map((field) =>
          anyField(field, depth).map((value) => ({ [oneof.localName]: { case: field.localName, value } })),
        ),
      fc.constant({}),
    ),
  )
  return fc.tuple(fc.record(members), ...oneofs).map((parts) => {
    const init = Object.assign({}, ...parts) as Record<string, unknown>
    for (const key of Object.keys(init)) if (init[key] === undefined) delete init[key]
    return create(desc, init)
  })
}

export function anyField(field: DescField, depth: number): fc.Arbitrary<unknown> {
  if (field.fieldKind === 'list') return fc.array(anyValue(field, depth), { maxLength: 3 })
  if (field.fieldKind === 'map')
    return fc.dictionary(fc.string({ maxLength: 5 }), anyValue(field, depth), { maxKeys: 2 })
  return anyValue(field, depth)
}

const anyStruct = fc.dictionary(fc.string({ maxLength: 5 }), fc.oneof(fc.string(), fc.integer(), fc.boolean()), {
  maxKeys: 2,
})

function anyValue(field: DescField, depth: number): fc.Arbitrary<unknown> {
  if (field.message)
    return field.message.typeName === 'google.protobuf.Struct' ? anyStruct : anyMessage(field.message, depth - 1)
  if (field.enum) return fc.constantFrom(...field.enum.values.map(({ number }) => number), -1, 99)
  switch (field.scalar) {
    case ScalarType.STRING:
      return fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.string({ unit: 'grapheme', maxLength: 200 }),
        fc.string({ maxLength: 30 }),
      )
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 300 })
    case ScalarType.BOOL:
      return fc.boolean()
    case ScalarType.DOUBLE:
      return fc.double()
    case ScalarType.FLOAT:
      return fc.float()
    case ScalarType.INT32:
      return fc.integer()
    case ScalarType.UINT32:
      return fc.integer({ min: 0, max: 0xffffffff })
    case ScalarType.INT64:
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    case ScalarType.UINT64:
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
    default:
      throw new Error(`no values for ${field}`)
  }
}
