import { create, toBinary } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { textEvent } from '../../src/domain/events.ts'
import { ChatEventSchema, ChatRequestSchema } from '../../src/domain/types.ts'
import { decode, encoderFor } from '../../src/rpc/encode.ts'

const encode = encoderFor(ChatEventSchema)

describe('encoding a text event by hand', () => {
  it('gives the bytes of toBinary for any text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme', maxLength: 300 })), (text) => {
        const event = textEvent(text)
        expect(encode(event).equals(toBinary(ChatEventSchema, event))).toBe(true)
      }),
    )
  })

  it.each([0, 1, 123, 124, 125, 126, 127, 128, 129, 16_378, 16_383, 16_384, 2_097_152])(
    'gives the bytes of toBinary at a length of %i, where the size of a length changes',
    (length) => {
      const event = textEvent('x'.repeat(length))
      expect(encode(event).equals(toBinary(ChatEventSchema, event))).toBe(true)
    },
  )

  it('writes a lone surrogate as toBinary does', () => {
    const event = textEvent('half \ud83d of a smile')
    expect(encode(event).equals(toBinary(ChatEventSchema, event))).toBe(true)
  })

  it('keeps fields of a later version of the contract', () => {
    const event = create(ChatEventSchema, { event: { case: 'text', value: { text: 'hi' } } })
    event.$unknown = [{ no: 99, wireType: 0, data: new Uint8Array([1]) }]
    expect(encode(event).equals(toBinary(ChatEventSchema, event))).toBe(true)
  })
})

describe('encoding other messages', () => {
  it('gives the bytes of toBinary, small and large', () => {
    for (const user of ['ada', 'x'.repeat(5000)]) {
      const request = create(ChatRequestSchema, { userId: user })
      expect(encoderFor(ChatRequestSchema)(request).equals(toBinary(ChatRequestSchema, request))).toBe(true)
    }
  })
})

describe('decoding', () => {
  it('refuses bytes that are no message, without repeating them', () => {
    expect(() => decode(ChatRequestSchema, Buffer.from('\xff\xff secret'))).toThrowError(
      expect.objectContaining({
        reason: 'INVALID_REQUEST',
        message: 'The request is not a llmgateway.v1.ChatRequest.',
      }),
    )
  })
})
