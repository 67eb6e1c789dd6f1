import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isObject } from '../../../src/providers/vendors/json.ts'
import { elementsOf, ReplySource } from '../../../src/providers/vendors/json-source.ts'

/** JSON texts that `JSON.stringify` would not write: spaces, escapes, large and small numbers, repeated keys. */
const jsonText: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => {
  const space = fc.constantFrom('', '', ' ', '\n\t', '\r\n  ')
  const spaced = (text: fc.Arbitrary<string>) => fc.tuple(space, text, space).map((parts) => parts.join(''))
  const string = fc.oneof(
    fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
    fc.constantFrom('"\\u0061"', '"\\/"', '"\\ud83d"', '"\\\\"', '"\\\\\\""', '"}]"', '""', '"args"', '"a\\u0072gs"'),
  )
  const scalar = fc.oneof(
    string,
    fc.constantFrom('1e400', '-0', '1.0', '1E-7', '2512292042121000001', 'true', 'false', 'null'),
  )
  const member = fc.tuple(spaced(string), spaced(tie('value'))).map((parts) => parts.join(':'))
  const joined = (items: fc.Arbitrary<string>) => fc.array(items, { maxLength: 4 }).map((all) => all.join(','))
  return {
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      scalar,
      joined(member).map((members) => `{${members}}`),
      joined(spaced(tie('value'))).map((elements) => `[${elements}]`),
    ),
  }
}).value

/** The text of `args` of the object at `holder`. */
function argsOf(text: string, find: (root: unknown) => unknown): string {
  const root: unknown = JSON.parse(text)
  const source = new ReplySource()
  source.read(text, root)
  const holder = find(root)
  if (!isObject(holder)) throw new Error('there is no such object')
  return source.member(holder, 'args')
}

describe('the source of a value', () => {
  test('is its text in the reply, whatever the value and what stands around it', () => {
    fc.assert(
      fc.property(jsonText, jsonText, jsonText, (before, value, after) => {
        const text = `[${before}, {"a" :[${before},{"b":${before} , "args": ${value} ,"c":${after}}] }\n,${after}]`
        // biome-ignore lint/suspicious/noExplicitAny: the shape is the line above
        expect(argsOf(text, (root: any) => root[1].a[1])).toBe(value)
      }),
    )
  })

  test.each([
    ['the last of repeated keys', '{"args":{"a":1},"args":{"a":2}}', '{"a":2}'],
    ['below the last of repeated keys', '{"x":{"args":1},"x":{"args":2}}', '2'],
    ['a key with escapes', '{"\\u0061rgs":[1.0]}', '[1.0]'],
    ['a key that reaches for a prototype', '{"__proto__":{"args":1},"args":1e400}', '1e400'],
    ['a number at the end', '{"args":-0.0}', '-0.0'],
  ])('is that of %s', (_, text, expected) => {
    // biome-ignore lint/suspicious/noExplicitAny: a reply of unknown shape
    expect(argsOf(text, (root: any) => (text.startsWith('{"x"') ? root.x : root))).toBe(expected)
  })

  test('is found in each reply anew', () => {
    const source = new ReplySource()
    for (const text of ['{"args":1.0}', '{"args":2.0}']) {
      const root = JSON.parse(text)
      source.read(text, root)
      expect(source.member(root, 'args')).toBe(text.slice(8, -1))
    }
  })

  test('is printed where it is nested too deeply to be looked for', () => {
    const deep = `${'['.repeat(100_000)}{"args":1.0}${']'.repeat(100_000)}`
    const source = new ReplySource()
    source.read(deep, JSON.parse(deep))
    expect(source.member({ args: 1 }, 'args')).toBe('1')
  })
})

test('the elements of a list are its texts', () => {
  fc.assert(
    fc.property(fc.array(jsonText), (texts) => {
      expect(elementsOf(`[ ${texts.join(' , ')} ]`)).toEqual(texts)
    }),
  )
})
