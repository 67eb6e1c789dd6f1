import { describe, expect, test } from 'vitest'
import { MAX_PARTS } from '../../../src/domain/parts.ts'
import { ChatRequestSchema } from '../../../src/domain/types.ts'
import { jsonCheck } from '../../../src/server/codec/check-json.ts'

const check = jsonCheck(ChatRequestSchema)
const checkText = (text: string) => check(Buffer.from(text))
const LONG = '1'.repeat(1_000)

test.each<[string, number]>([
  ['{}', 1],
  ['{"model":"m"}', 3],
  ['{ "stop" : [ "a" ,\n\t"b" ] }\r\n', 5],
  ['{"messages":[{"role":"ROLE_USER","content":"a,[{:\\",\\\\"}]}', 8],
  ['{"temperature":1.5e-3,"strict":true,"seed":null}', 7],
])('%s has %i values and keys', (text, count) => {
  expect(checkText(text)).toBe(count)
})

test.each([
  ['a long text', `{"model":"${LONG}"}`],
  ['a long text of digits in a message', `{"messages":[{"content":"${LONG}"}]}`],
  ['long bytes', `{"messages":[{"parts":[{"image":{"data":"${LONG}"}}]}]}`],
  ['a long key of a map', `{"labels":{"${LONG}":"x"}}`],
  ['long texts and keys of options', `{"provider_options":{"p":{"${LONG}":["${LONG}"]}}}`],
  ['a number of 128 digits', `{"temperature":0.${'1'.repeat(126)}}`],
  ['numbers as texts', '{"seed":"9007199254740991","maxTokens":"5","topP":"0.1"}'],
  ['what the parser refuses', '{"a" b} ] } ] "'],
])('%s is accepted', (_, text) => {
  expect(() => checkText(text)).not.toThrow()
})

describe('what would cost more than its size is refused', () => {
  test.each([
    ['a long number', `{"temperature":${LONG}}`, 'a number of more than 128 bytes'],
    ['a long number among options', `{"providerOptions":{"p":{"k":[${LONG}]}}}`, 'a number of more than 128 bytes'],
    ['a long text in place of a number', `{"seed":"${LONG}"}`, '1000 bytes long in the place of a number'],
    ['the same by another name', `{"top_k":"${LONG}"}`, 'in the place of a number'],
    ['the same by a name with escapes', `{"\\u0073eed":"${LONG}"}`, 'in the place of a number'],
    ['a long text in place of an enum', `{"messages":[{"role":"${LONG}"}]}`, 'in the place of a number'],
    ['a long text in place of a duration', `{"cache":{"ttl":"${LONG}s"}}`, 'in the place of a number'],
    ['a long field name', `{"${LONG}":1}`, 'a field name of 1000 bytes'],
    ['a long field name in a message', `{"messages":[{"${LONG}":1}]}`, 'a field name of 1000 bytes'],
    ['deep nesting', '['.repeat(101), 'nested deeper than 100 levels'],
    ['deep nesting of objects', '{"a":'.repeat(101), 'nested deeper than 100 levels'],
    ['too many values', `[${'0,'.repeat(MAX_PARTS)}0]`, 'more than 65536 fields'],
    ['too many keys', `{${'"":0,'.repeat(MAX_PARTS / 2)}"":0}`, 'more than 65536 fields'],
  ])('%s', (_, text, reason) => {
    expect(() => checkText(text)).toThrowError(
      expect.objectContaining({ reason: 'INVALID_REQUEST', message: expect.stringContaining(reason) }),
    )
  })

  test('and no more of it is repeated than 200 bytes', () => {
    for (const text of [`{"seed":"${LONG}"}`, `{"${LONG}":1}`, `{"top_p":${LONG}}`]) {
      expect(() => checkText(text)).toThrowError(
        expect.objectContaining({ message: expect.not.stringContaining('111') }),
      )
    }
  })

  test('a text that is not UTF-8', () => {
    expect(() => check(Buffer.from('7b22ff227d', 'hex'))).toThrow('not UTF-8')
  })
})
