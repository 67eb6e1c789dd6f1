import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { MAX_PARTS } from '../../../src/domain/parts.ts'
import { ChatRequestSchema, ClearCacheRequestSchema, EmbeddingSchema } from '../../../src/domain/types.ts'
import { protoCheck } from '../../../src/server/codec/check-proto.ts'
import { field, nested } from '../../promises/hostile/bytes.ts'
import { requestTypes, tryRequests } from '../../support/request-bytes.ts'

const check = protoCheck(ChatRequestSchema)
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const bytes = (init: MessageInitShape<typeof ChatRequestSchema>) =>
  Buffer.from(toBinary(ChatRequestSchema, create(ChatRequestSchema, init)))

describe('the parts of a request', () => {
  test.each<[string, number, Uint8Array]>([
    ['nothing', 0, bytes({})],
    ['a text and numbers', 4, bytes({ model: 'm', temperature: 0.5, maxTokens: 300, seed: -1n })],
    ['messages and what is in them', 5, bytes({ messages: [{ role: 3, content: 'hi' }, { parts: [{}] }] })],
    ['the entries of maps, their keys and values', 6, bytes({ labels: { a: 'b', c: 'd' } })],
    // The entry, the key, the struct; in it the same for its field; the value, and the number in it.
    ['options', 7, bytes({ providerOptions: { a: { b: 1 } } })],
    [
      'fields of a newer contract, of every wire type',
      4,
      hex('f807 01 fa07 02 1a00 f907 0000000000000000 fd07 00000000'),
    ],
  ])('%s: %i', (_, count, message) => {
    expect(check(message)).toBe(count)
  })

  test('numbers of a packed list count one by one, and unpacked ones as well', () => {
    const checkEmbedding = protoCheck(EmbeddingSchema)
    expect(checkEmbedding(hex('12 08 00000000 0000803f'))).toBe(3)
    expect(checkEmbedding(hex('15 00000000 15 0000803f'))).toBe(2)
    expect(() => checkEmbedding(hex('12 07 00000000 000080'))).toThrow('ends beyond')
  })

  test('are at most 65536', () => {
    expect(check(Buffer.alloc(2 * MAX_PARTS, hex('1a00')))).toBe(MAX_PARTS)
    expect(() => check(Buffer.alloc(2 * MAX_PARTS + 2, hex('1a00')))).toThrow('more than 65536 fields')
  })
})

describe('what some encoders write is accepted', () => {
  test.each<[string, string]>([
    ['a length that is padded with zeros', '0a 8180808000 6d'],
    ['a negative enum, as ten bytes', '1a 0b 08 ffffffffffffffffff01'],
    ['a number that is set twice', '3001 3002'],
    ['the members of a oneof one after the other', '7a 04 0a00 1200'],
    ['a map entry without a key, and one without a value', 'ba01 03 120161 ba01 03 0a0162'],
    ['the fields in any order', '3001 0a 01 6d'],
  ])('%s', (_, message) => {
    expect(check(hex(message))).toBeGreaterThan(0)
    expect(() => fromBinary(ChatRequestSchema, hex(message))).not.toThrow()
  })
})

describe('what no encoder writes is refused', () => {
  test.each<[string, Uint8Array, string]>([
    ['a number written as a text', hex('32 02 1a00'), 'field 6 of llmgateway.v1.ChatRequest has wire type 2, not 0'],
    ['a text written as a number', hex('08 01'), 'has wire type 0, not 2'],
    ['a group in place of a field', hex('a301 02 0801 a401'), 'field 20 of llmgateway.v1.ChatRequest has wire type 3'],
    ['a group that nobody knows', hex('fb07 fc07'), 'field 127 has wire type 3'],
    ['wire type 7', hex('ff07 00'), 'has wire type 7'],
    ['field number 0', hex('02 00'), 'field number 0'],
    ['a message that is set twice', hex('7a00 7a00'), 'field 15 of llmgateway.v1.ChatRequest occurs twice'],
    [
      'a map entry with two values',
      hex('8a01 07 0a0161 1200 1200'),
      'field 2 of llmgateway.v1.ChatRequest.provider_options',
    ],
    ['a message longer than its parent', hex('1a 02 1205'), 'ends beyond the end'],
    ['a text longer than the request', hex('0a 05 61'), 'ends beyond the end'],
    ['a fixed number that is cut off', hex('21 0000'), 'ends beyond the end'],
    ['a tag that is cut off', hex('ff'), 'ends beyond the end'],
    ['a tag above 32 bits', hex('ffffffff1f'), 'above 32 bits'],
    ['a length above 32 bits', hex('0a ffffffffff01'), 'above 32 bits'],
    ['a number above 64 bits', hex('30 ffffffffffffffffff02'), 'above 64 bits'],
    ['a short text that is not UTF-8', field(1, hex('61ff')), 'field 1 of llmgateway.v1.ChatRequest is not UTF-8'],
    ['a long text that is not UTF-8', field(1, Buffer.alloc(100, 0x80)), 'is not UTF-8'],
  ])('%s', (_, message, reason) => {
    expect(() => check(message)).toThrowError(
      expect.objectContaining({ reason: 'INVALID_REQUEST', message: expect.stringContaining(reason) }),
    )
  })

  test('a request inside another is checked like any other', () => {
    const checkClear = protoCheck(ClearCacheRequestSchema)
    expect(checkClear(field(4, bytes({ model: 'm' })))).toBe(2)
    expect(() => checkClear(field(4, hex('32 02 1a00')))).toThrow('wire type 2, not 0')
    expect(() => checkClear(Buffer.concat([field(4, ''), hex('08 01'), field(4, '')]))).toThrow('occurs twice')
  })

  test('nesting is as deep as the decoder takes it, and no deeper', () => {
    // The first value is the third message; each level adds a list and a value.
    const options = (levels: number) => {
      const value = field(2, nested(levels, [1, 6]))
      return field(17, Buffer.concat([field(1, 'p'), field(2, field(1, Buffer.concat([field(1, 'k'), value])))]))
    }
    const deepest = Array.from({ length: 100 }, (_, levels) => levels).findLast((levels) => isAccepted(options(levels)))
    expect(deepest).toBe(48)
    expect(() => fromBinary(ChatRequestSchema, options(48))).not.toThrow()
    expect(() => fromBinary(ChatRequestSchema, options(49))).toThrow('recursion')
    expect(() => check(options(30_000))).toThrow('more than 100 messages inside one another')
  })
})

test('random and damaged requests of every type: the check, the decoder and the cache key agree', () => {
  const { accepted, refused } = tryRequests(5_000, 7)
  expect(requestTypes.length).toBeGreaterThan(10)
  expect(accepted).toBeGreaterThan(1_500)
  expect(refused).toBeGreaterThan(1_500)
})

function isAccepted(message: Uint8Array): boolean {
  try {
    return check(message) > 0
  } catch {
    return false
  }
}
