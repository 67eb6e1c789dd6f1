import { create, type DescMessage, type Message, toBinary } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { expect } from 'vitest'
import type { Target } from '../../../src/domain/calls/facts.ts'
import type { Provider } from '../../../src/domain/ports/provider.ts'
import { ChatRequestSchema, CompleteRequestSchema } from '../../../src/domain/types.ts'
import { cacheAddress, decidingBytes, type Question } from '../../../src/policies/cache/key.ts'
import { anyField } from '../../support/any-message.ts'

export const target = (provider: string, model: string): Target => ({
  provider: { name: provider } as Provider, // a key is made of its name alone
  model,
  defaults: {},
})
export const question: Question = {
  kind: 'chat',
  caller: 'ada',
  holder: 'ada',
  namespace: '',
  targets: [target('up', 'm')],
}

const NEUTRAL = ['cache', 'userId', 'sessionId', 'labels']

const base = fc.record({
  model: fc.string({ maxLength: 8 }),
  content: fc.string({ maxLength: 20 }),
  temperature: fc.option(fc.double({ min: 0, max: 2 }), { nil: undefined }),
  userId: fc.string({ maxLength: 4 }),
  labels: fc.dictionary(fc.string({ maxLength: 3 }), fc.string({ maxLength: 3 }), { maxKeys: 2 }),
})

/** The requests whose responses are stored whole. */
const requests: readonly { readonly desc: DescMessage; text(content: string): object }[] = [
  { desc: ChatRequestSchema, text: (content) => ({ messages: [{ role: 3, content }] }) },
  { desc: CompleteRequestSchema, text: (prompt) => ({ prompt }) },
]

/**
 * Compares the keys of random requests before and after one field changed: they differ exactly when the field can change
 * the answer. Returns how often they differed.
 */
export function checkKeyAgainstFields(numRuns: number): number {
  return requests.reduce((sum, request) => sum + differencesOf(request, numRuns / requests.length), 0)
}

function differencesOf({ desc, text }: (typeof requests)[number], numRuns: number): number {
  const keyOf = (request: Message) => cacheAddress(question, decidingBytes(toBinary(desc, request))).id
  const change = fc
    .constantFrom(...desc.fields)
    .chain((field) => fc.record({ field: fc.constant(field), value: anyField(field, 2) }))
  let different = 0
  fc.assert(
    fc.property(base, change, ({ model, content, temperature, userId, labels }, { field, value }) => {
      const set = { model, ...text(content), ...(temperature !== undefined && { temperature }), userId, labels }
      const one = create(desc, set)
      const other = create(desc, set)
      Object.assign(other, { [field.localName]: value })
      const isSame = NEUTRAL.includes(field.localName) || Buffer.from(toBinary(desc, one)).equals(toBinary(desc, other))
      if (!isSame) different++
      expect(keyOf(one) === keyOf(other)).toBe(isSame)
    }),
    { numRuns },
  )
  return different
}
