import { create, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import type { Target } from '../../../src/domain/calls/facts.ts'
import { fieldBytes } from '../../../src/domain/proto-fields.ts'
import { ChatRequestSchema } from '../../../src/domain/types.ts'
import { cacheAddress, type Question } from '../../../src/policies/cache/key.ts'
import { checkKeyAgainstFields, question, target } from './key-against-fields.ts'

describe('the key of an answer', () => {
  test('changes with every field that can change the answer, and with no other', () => {
    expect(checkKeyAgainstFields(500)).toBeGreaterThan(200)
  })

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
