import { create, type Message, toBinary } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Target } from '../../../src/domain/facts.ts'
import type { Provider } from '../../../src/domain/ports/provider.ts'
import { fieldBytes } from '../../../src/domain/proto-fields.ts'
import { type ChatRequest, ChatRequestSchema } from '../../../src/domain/types.ts'
import { cacheAddress, decidingBytes, type Question } from '../../../src/policies/cache/key.ts'
import { anyField } from '../../support/any-message.ts'

const target = (provider: string, model: string): Target => ({
  provider: { name: provider } as Provider, // a key is made of its name alone
  model,
  defaults: {},
})
const question: Question = { kind: 'chat', caller: 'ada', namespace: '', targets: [target('up', 'm')] }
const keyOf = (request: ChatRequest) => cacheAddress(question, decidingBytes(toBinary(ChatRequestSchema, request))).id

const NEUTRAL = ['cache', 'userId', 'sessionId', 'labels']

describe('the key of an answer', () => {
  test('changes with every field that can change the answer, and with no other', () => {
    const fields = ChatRequestSchema.fields
    const base = fc.record({
      model: fc.string({ maxLength: 8 }),
      content: fc.string({ maxLength: 20 }),
      temperature: fc.option(fc.double({ min: 0, max: 2 }), { nil: undefined }),
      userId: fc.string({ maxLength: 4 }),
      labels: fc.dictionary(fc.string({ maxLength: 3 }), fc.string({ maxLength: 3 }), { maxKeys: 2 }),
    })
    const change = fc
      .constantFrom(...fields)
      .chain((field) => fc.record({ field: fc.constant(field), value: anyField(field, 2) }))
    let different = 0
    fc.assert(
      fc.property(base, change, ({ model, content, temperature, userId, labels }, { field, value }) => {
        const make = () =>
          create(ChatRequestSchema, {
            model,
            messages: [{ role: 3, content }],
            ...(temperature !== undefined && { temperature }),
            userId,
            labels,
          })
        const one = make()
        const other: Message = make()
        Object.assign(other, { [field.localName]: value })
        const isSame =
          NEUTRAL.includes(field.localName) ||
          Buffer.from(toBinary(ChatRequestSchema, one)).equals(toBinary(ChatRequestSchema, other as ChatRequest))
        if (!isSame) different++
        expect(keyOf(one) === keyOf(other as ChatRequest)).toBe(isSame)
      }),
      { numRuns: 100_000 },
    )
    expect(different).toBeGreaterThan(50_000)
  }, 120_000)

  test.each<[string, Partial<Question>]>([
    ['the caller', { caller: 'bob' }],
    ['the namespace', { namespace: 'n' }],
    ['a namespace that is named as the caller', { namespace: 'ada', caller: '' }],
    ['the kind', { kind: 'embed' }],
    ['the model', { targets: [target('up', 'n')] }],
    ['the provider', { targets: [target('other', 'm')] }],
    ['a further target', { targets: [target('up', 'm'), target('other', 'm')] }],
  ])('changes with %s', (_, change) => {
    const bytes = [Buffer.from('the same')]
    expect(cacheAddress({ ...question, ...change }, bytes).id).not.toBe(cacheAddress(question, bytes).id)
  })

  test('does not change with the order of the targets', () => {
    const [a, b] = [target('up', 'm'), target('other', 'm')]
    const idOf = (targets: Target[]) => cacheAddress({ ...question, targets }, []).id
    expect(idOf([a, b])).toBe(idOf([b, a]))
  })

  test('is nobody’s in a namespace', () => {
    expect(cacheAddress({ ...question, namespace: 'faq' }, [])).toMatchObject({ owner: '', label: 'faq/up/m' })
    expect(cacheAddress(question, [])).toMatchObject({ owner: 'ada', label: '/up/m' })
  })

  test('of a request inside another is that of the request by itself', () => {
    const request = create(ChatRequestSchema, { model: 'm', messages: [{ role: 3, content: 'x'.repeat(300) }] })
    const bytes = toBinary(ChatRequestSchema, request)
    const length = [(bytes.length & 0x7f) | 0x80, bytes.length >> 7]
    const outer = Buffer.concat([Buffer.from([0x2a, 1, 65, 0x22, ...length]), bytes, Buffer.from([0x58, 1])])
    expect(Buffer.from(fieldBytes(outer, 4)).equals(bytes)).toBe(true)
    expect(fieldBytes(outer, 9)).toHaveLength(0)
  })
})
