import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { CacheMode, ChatRequestSchema, EmbedRequestSchema, Role } from '../../../src/domain/types.ts'
import { fingerprintOf } from '../../../src/policies/idempotency/fingerprint.ts'

type Init = MessageInitShape<typeof ChatRequestSchema>

const HI: Init = { model: 'm', messages: [{ role: Role.USER, content: 'hi' }] }
/** Of a request as a server decodes it. */
const of = (init: Init) =>
  fingerprintOf(fromBinary(ChatRequestSchema, toBinary(ChatRequestSchema, create(ChatRequestSchema, init))))

test('a request is the same when its maps come in another order', () => {
  const tools = [{ name: 'f', parameters: '{}' }]
  const one = { ...HI, tools, providerOptions: { up: { a: 1, b: { c: [true], d: null } }, other: { e: 'f' } } }
  const two = { ...HI, tools, providerOptions: { other: { e: 'f' }, up: { b: { d: null, c: [true] }, a: 1 } } }
  expect(of(two)).toBe(of(one))
})

test('a request is the same whatever it says of the cache, its user and its labels', () => {
  const same = { ...HI, cache: { mode: CacheMode.BYPASS }, userId: 'ann', sessionId: 's', labels: { a: 'b' } }
  expect(of(same)).toBe(of(HI))
})

test.each<[string, Init]>([
  ['model', { ...HI, model: 'n' }],
  ['text', { ...HI, messages: [{ role: Role.USER, content: 'ho' }] }],
  ['role', { ...HI, messages: [{ role: Role.ASSISTANT, content: 'hi' }] }],
  ['number of messages', { ...HI, messages: [...(HI.messages ?? []), { role: Role.USER, content: '' }] }],
  ['temperature of 0', { ...HI, temperature: 0 }],
  ['option', { ...HI, providerOptions: { up: { a: 1 } } }],
  ['text that looks like a number', { ...HI, providerOptions: { up: { a: '1' } } }],
])('another %s makes another request', (_, other) => {
  expect(of(other)).not.toBe(of(HI))
  if (other.providerOptions) expect(of(other)).not.toBe(of({ ...HI, providerOptions: { up: { a: true } } }))
})

test('inputs are not joined', () => {
  const ofInputs = (...inputs: string[]) => fingerprintOf(create(EmbedRequestSchema, { model: 'm', inputs }))
  expect(ofInputs('ab', 'c')).not.toBe(ofInputs('a', 'bc'))
  expect(ofInputs('a', 'b')).toBe(ofInputs('a', 'b'))
})
