import { create } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { GatewayError } from '../../src/domain/errors/error.ts'
import { ChatRequestSchema, Role } from '../../src/domain/types.ts'
import { kinds } from '../../src/providers/index.ts'
import { validateChat } from '../../src/service/validate/validate.ts'
import { encodeChat, type RequestInit } from '../support/encode.ts'

/** Conversations that the contract allows, however odd. */
const text = fc.oneof(
  fc.constantFrom('', ' ', '\n', '{}', '[1]', '{"a":1}'),
  fc.string({ unit: 'grapheme', maxLength: 8 }),
)
const id = fc.oneof(fc.constantFrom('call_0', 'call_1', 'functions.f:0'), fc.string({ minLength: 1, maxLength: 60 }))
const source = fc.oneof(
  fc.record({ case: fc.constant('data' as const), value: fc.uint8Array({ minLength: 1, maxLength: 4 }) }),
  fc.record({ case: fc.constant('url' as const), value: fc.constantFrom('https://a.example/b', 'gs://bucket/c') }),
)
const mimeType = fc.constantFrom('image/png', 'audio/wav', 'application/pdf', 'text/plain', 'x/y')
const media = fc.record({ source, mimeType, name: text })
const part = fc.record({
  content: fc.oneof(
    fc.record({ case: fc.constant('text' as const), value: text }),
    fc.record({ case: fc.constantFrom('image' as const, 'audio' as const, 'file' as const), value: media }),
  ),
  signature: text,
  cacheTtl: fc.option(fc.record({ seconds: fc.bigInt(0n, 90_000n) }), { nil: undefined }),
})
const spoken = fc.oneof(
  fc.record({ content: text }),
  fc.record({ parts: fc.array(part, { minLength: 1, maxLength: 3 }) }),
)
const thought = fc.record({ text, signature: text, redacted: text })
const call = fc.record({ id, name: fc.constantFrom('f', 'g.h', 'näme'), arguments: text, signature: text })
const message = fc.oneof(
  fc.tuple(fc.record({ role: fc.constantFrom(Role.SYSTEM, Role.DEVELOPER, Role.USER), name: text }), spoken),
  fc.tuple(fc.record({ role: fc.constant(Role.TOOL), toolCallId: id }), spoken),
  fc.tuple(
    fc.record({
      role: fc.constant(Role.ASSISTANT),
      reasoning: fc.array(thought, { maxLength: 2 }),
      toolCalls: fc.array(call, { maxLength: 2 }),
      refusal: text,
    }),
    spoken,
  ),
)
const conversation = fc.array(
  message.map(([who, what]) => ({ ...who, ...what })),
  { minLength: 1, maxLength: 5 },
)

it.each(kinds.filter(({ wire }) => wire).map(({ kind }) => kind))(
  'any conversation becomes a JSON body for %s, or is refused with its field',
  (kind) => {
    fc.assert(
      fc.property(conversation, fc.constantFrom('m', 'gpt-5', 'claude-opus-4-7', 'gemini-3-pro'), (messages, model) => {
        const request = { messages } as RequestInit // an absent mark may be written as undefined here
        validateChat(create(ChatRequestSchema, request))
        try {
          expect(encodeChat(kind, request, { model }).json).toBeTypeOf('object')
        } catch (error) {
          if (!(error instanceof GatewayError)) throw error
          expect(error.reason).toBe('UNSUPPORTED')
          expect(error.facts.fields?.[0]?.field).toMatch(/^messages/)
        }
      }),
      { numRuns: 200 },
    )
  },
)
