import { create, toBinary } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { ChatRequestSchema } from '../../../src/domain/types.ts'
import { decoderFor } from '../../../src/server/codec/codec.ts'
import { encoderFor } from '../../../src/server/codec/encode.ts'

describe('encoding', () => {
  it('gives the bytes of toBinary, small and large, also for messages with maps', () => {
    for (const user of ['ada', 'x'.repeat(5000)]) {
      const request = create(ChatRequestSchema, { userId: user })
      expect(encoderFor(ChatRequestSchema)(request).equals(toBinary(ChatRequestSchema, request))).toBe(true)
    }
  })
})

describe('decoding', () => {
  it('refuses bytes that are no message, without repeating them', () => {
    expect(() => decoderFor(ChatRequestSchema)(Buffer.from('\xff\xff secret'))).toThrowError(
      expect.objectContaining({
        reason: 'INVALID_REQUEST',
        message: expect.stringMatching(/^The request is not a valid llmgateway.v1.ChatRequest: (?!.*secret)/),
      }),
    )
  })
})
