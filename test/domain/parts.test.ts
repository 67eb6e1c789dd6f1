import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { countFields, countValues, MAX_PARTS } from '../../src/domain/parts.ts'
import { ChatRequestSchema } from '../../src/domain/types.ts'

const bytes = (init: MessageInitShape<typeof ChatRequestSchema>) =>
  toBinary(ChatRequestSchema, create(ChatRequestSchema, init))

test.each<[string, number, Uint8Array]>([
  ['nothing', 0, bytes({})],
  ['a text and numbers', 4, bytes({ model: 'm', temperature: 0.5, maxTokens: 300, seed: -1n })],
  ['messages and what is in them', 5, bytes({ messages: [{ role: 3, content: 'hi' }, { parts: [{}] }] })],
  ['the entries of maps, their keys and values', 6, bytes({ labels: { a: 'b', c: 'd' } })],
  // The entry, the key, the struct; in it the same for its field; the value, and the number in it.
  ['options', 7, bytes({ providerOptions: { a: { b: 1 } } })],
  ['fields and groups that nobody knows', 4, Buffer.from('f807010b0cf9070000000000000000', 'hex')],
])('the fields of %s are %i', (_, count, message) => {
  expect(countFields(ChatRequestSchema, message)).toBe(count)
})

test.each(['ff', '0aff', '0affffffff0f', '1a', 'ffffffffffffffffffff01'])(
  'the damaged message %s has an end',
  (hex) => {
    expect(countFields(ChatRequestSchema, Buffer.from(hex, 'hex'))).toBeLessThan(3)
  },
)

test.each<[string, number]>([
  ['1', 1],
  ['{"a":[1,2,{"b":null}]}', 8],
  ['"a,[{:\\",\\\\"', 1],
  ['{"a,":"[', 3],
])('the values and keys of %s are %i', (text, count) => {
  expect(countValues(Buffer.from(text))).toBe(count)
})

test('counting ends where there are too many', () => {
  expect(countFields(ChatRequestSchema, Buffer.alloc(1e6, Buffer.from('1a00', 'hex')))).toBe(MAX_PARTS + 1)
  expect(countValues(Buffer.alloc(1e6, '['))).toBe(MAX_PARTS + 1)
})
