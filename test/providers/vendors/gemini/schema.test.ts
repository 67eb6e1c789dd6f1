import { describe, expect, it } from 'vitest'
import { readableSchema } from '../../../../src/providers/vendors/gemini/request/schema.ts'
import { encodeChat } from '../../../support/encode.ts'

function read(schema: object) {
  const { json, lost } = readableSchema(JSON.stringify(schema))
  return { schema: JSON.parse(json), lost: [...lost] }
}

describe("the vendor's part of JSON Schema", () => {
  it('leaves a schema that fits as it is', () => {
    const schema =
      '{ "$schema": "x", "type": "object", "properties": {"2": {"type": ["integer", "null"], "minimum": 1}, "1": {"$ref": "#/$defs/x"}}, "required": ["1"], "additionalProperties": {"type": "string"}, "$defs": {"x": {"anyOf": [{"enum": ["a"]}, {"type": "array", "prefixItems": [{}], "maxItems": 2}]}} }'
    expect(readableSchema(schema)).toEqual({ json: schema, lost: new Set() })
  })

  it.each([
    ['bounds', { type: 'string', pattern: '^a', minLength: 1 }, { type: 'string' }, ['pattern', 'minLength']],
    [
      'bounds wherever they stand',
      {
        type: 'object',
        properties: { a: { type: 'array', items: { type: 'number', multipleOf: 2 }, uniqueItems: true } },
        additionalProperties: { anyOf: [{ type: 'string', maxLength: 3 }] },
        $defs: { b: { type: 'array', prefixItems: [{ not: {} }] } },
      },
      {
        type: 'object',
        properties: { a: { type: 'array', items: { type: 'number' } } },
        additionalProperties: { anyOf: [{ type: 'string' }] },
        $defs: { b: { type: 'array', prefixItems: [{}] } },
      },
      ['multipleOf', 'uniqueItems', 'maxLength', 'not'],
    ],
    [
      'what stands beside a reference',
      { $ref: '#/$defs/a', description: 'A.' },
      { $ref: '#/$defs/a' },
      ['description'],
    ],
    ['all of several', { allOf: [{ type: 'object' }] }, {}, ['allOf']],
  ])('loses %s, by name', (_what, given, schema, lost) => {
    expect(read(given)).toEqual({ schema, lost })
  })

  it.each([
    ['one value is a list of one', { const: 'a' }, { enum: ['a'] }],
    [
      'definitions have a newer name',
      { definitions: { a: { type: 'null' } }, items: { $ref: '#/definitions/a' } },
      { $defs: { a: { type: 'null' } }, items: { $ref: '#/$defs/a' } },
    ],
    ['words that bind nothing go', { type: 'null', examples: [1], default: 1, 'x-order': 2 }, { type: 'null' }],
    [
      'names are no keywords',
      { properties: { pattern: { type: 'string' } } },
      { properties: { pattern: { type: 'string' } } },
    ],
  ])('%s', (_what, given, schema) => {
    expect(read(given)).toEqual({ schema, lost: [] })
  })

  it('is sent, and what was lost is named', () => {
    const schema = '{"type":"object","properties":{"code":{"type":"string","pattern":"^[A-Z]+$"}}}'
    const responseFormat = { format: { case: 'jsonSchema', value: { schema } } } as const
    const { json, leftOut } = encodeChat('gemini', { responseFormat }, { model: 'gemini-2.5-flash' })
    expect(json['generationConfig']).toMatchObject({
      responseJsonSchema: { type: 'object', properties: { code: { type: 'string' } } },
    })
    expect(leftOut).toEqual(['response_format.json_schema.schema.pattern'])
  })
})
