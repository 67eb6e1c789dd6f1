import { create, type DescMessage, fromBinary, type Message, toBinary } from '@bufbuild/protobuf'
import { file_google_protobuf_struct } from '@bufbuild/protobuf/wkt'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { textEvent } from '../../../src/domain/streams/events.ts'
import {
  ChatEventSchema,
  ChatResponseSchema,
  EmbedResponseSchema,
  HealthResponseSchema,
  ListModelsResponseSchema,
  ListProvidersResponseSchema,
  StatsResponseSchema,
} from '../../../src/domain/types.ts'
import { protoEncoder } from '../../../src/server/codec/proto-encoder.ts'
import { anyMessage } from '../../support/any-message.ts'

function encoderOf(desc: DescMessage): (message: Message) => Buffer {
  const encode = protoEncoder(desc)
  if (!encode) throw new Error(`${desc.typeName} is not known`)
  return encode
}

describe('encoding from a descriptor', () => {
  it.each([
    ChatResponseSchema,
    ChatEventSchema,
    EmbedResponseSchema,
    HealthResponseSchema,
    ListModelsResponseSchema,
    ListProvidersResponseSchema,
  ] as DescMessage[])('gives the bytes of toBinary for any message: $typeName', (desc) => {
    const encode = encoderOf(desc)
    fc.assert(
      fc.property(anyMessage(desc), (message) => {
        expect(encode(message).toString('hex')).toBe(Buffer.from(toBinary(desc, message)).toString('hex'))
      }),
      { numRuns: 300 },
    )
  })

  it.each([0, 1, 23, 24, 25, 123, 124, 127, 128, 129, 16_378, 16_383, 16_384, 65_530, 65_536, 2_097_152])(
    'gives the bytes of toBinary for a text of %i characters, where lengths and buffers grow',
    (length) => {
      for (const character of ['x', '\u00e9', '\ud83d']) {
        const event = textEvent(character.repeat(length))
        expect(encoderOf(ChatEventSchema)(event).equals(toBinary(ChatEventSchema, event))).toBe(true)
      }
    },
  )

  it('keeps fields of a later version of the contract', () => {
    const bytes = Buffer.concat([
      toBinary(ChatEventSchema, textEvent('hi')),
      Buffer.from([0x98, 0x06, 0x01, 0xa2, 0x06, 0x01, 0x41]),
    ])
    const event = fromBinary(ChatEventSchema, bytes)
    expect(event.$unknown).toHaveLength(2)
    expect(encoderOf(ChatEventSchema)(event).equals(toBinary(ChatEventSchema, event))).toBe(true)
  })

  it('hands out bytes of their own each time', () => {
    const encode = encoderOf(ChatEventSchema)
    const first = encode(textEvent('one'))
    const copy = Buffer.from(first)
    encode(textEvent('another'))
    expect(first.equals(copy)).toBe(true)
  })

  it('writes nothing of a message that failed into the next one', () => {
    const encode = encoderOf(EmbedResponseSchema)
    const broken = create(EmbedResponseSchema, { embeddings: [{ index: 1, values: [1] }] })
    Object.assign(broken, { embeddings: [{ index: 1, values: [1] }, undefined] })
    expect(() => encode(broken)).toThrow()
    const good = create(EmbedResponseSchema, { embeddings: [{ index: 2, values: [2] }] })
    expect(encode(good).equals(toBinary(EmbedResponseSchema, good))).toBe(true)
  })

  it('leaves to the library what it does not know', () => {
    const struct = file_google_protobuf_struct.messages[0]
    expect(struct && protoEncoder(struct)).toBeUndefined()
    expect(protoEncoder(StatsResponseSchema)).toBeUndefined()
  })
})
