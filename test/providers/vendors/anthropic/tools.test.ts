import { describe, expect, it } from 'vitest'
import { ToolChoiceMode } from '../../../../src/domain/types.ts'
import { boundSchema } from '../../../../src/providers/vendors/anthropic/schema.ts'
import { ANSWER_TOOL } from '../../../../src/providers/vendors/anthropic/tools.ts'
import { encodeChat, type RequestInit } from '../../../support/encode.ts'

function encode(init: RequestInit, model = 'claude-sonnet-4-5') {
  return encodeChat('anthropic', init, { model })
}

const mode = (value: ToolChoiceMode) => ({ choice: { case: 'mode', value } }) as const
const named = (value: string) => ({ choice: { case: 'name', value } }) as const
const { AUTO, NONE, REQUIRED } = ToolChoiceMode

describe('tools', () => {
  it('are sent with their schemas to the letter', () => {
    const parameters = '{"type":"object","properties":{"2":{},"1":{}}}'
    const { body, json } = encode({ tools: [{ name: 'f', description: 'Does.', parameters }, { name: 'g' }] })
    expect(body).toContain(`"input_schema":${parameters}`)
    expect(json['tools']).toMatchObject([
      { name: 'f', description: 'Does.' },
      { name: 'g', input_schema: { type: 'object', properties: {} } },
    ])
    expect(json).not.toHaveProperty('tool_choice')
  })

  it.each([
    ['{}', '{"type":"object"}'],
    ['{ "properties": {"2":{},"1":{}} }', '{"type":"object","properties": {"2":{},"1":{}}}'],
  ])('say that their arguments are an object: %s', (parameters, expected) => {
    expect(encode({ tools: [{ name: 'f', parameters }] }).body).toContain(`"input_schema":${expected}`)
  })

  it.each([
    ['a name with a dot', { name: 'a.b' }, 'tools[0].name'],
    ['arguments that are a list', { name: 'f', parameters: '{"type":"array"}' }, 'tools[0].parameters'],
    ['alternatives at the root', { name: 'f', parameters: '{"type":"object","anyOf":[]}' }, 'tools[0].parameters'],
  ])('are unsupported with %s', (_what, tool, field) => {
    expect(() => encode({ tools: [tool] })).toThrow(
      expect.objectContaining({ reason: 'UNSUPPORTED', message: expect.stringContaining(field) }),
    )
  })

  it.each([
    [mode(AUTO), undefined, { type: 'auto' }],
    [mode(NONE), undefined, { type: 'none' }],
    [mode(NONE), false, { type: 'none' }],
    [mode(REQUIRED), undefined, { type: 'any' }],
    [mode(REQUIRED), false, { type: 'any', disable_parallel_tool_use: true }],
    [named('f'), true, { type: 'tool', name: 'f' }],
    [undefined, false, { type: 'auto', disable_parallel_tool_use: true }],
    [undefined, true, undefined],
  ])('are chosen as asked: %j, in parallel %s', (toolChoice, parallelToolCalls, expected) => {
    const init = { tools: [{ name: 'f' }], ...(toolChoice && { toolChoice }) }
    const { json } = encode({ ...init, ...(parallelToolCalls !== undefined && { parallelToolCalls }) })
    expect(json['tool_choice']).toEqual(expected)
  })

  it('are not chosen from where there are none', () => {
    expect(encode({ toolChoice: mode(NONE), parallelToolCalls: false }).json).not.toHaveProperty('tool_choice')
  })

  it.each(['claude-opus-5-5', 'claude-sonnet-5-5', 'claude-fable-5-1'])('cannot be forced upon %s', (model) => {
    for (const toolChoice of [mode(REQUIRED), named('f')]) {
      expect(() => encode({ tools: [{ name: 'f' }], toolChoice }, model)).toThrow(
        expect.objectContaining({ reason: 'UNSUPPORTED', fallback: true }),
      )
    }
  })

  it('are strict where the model can be bound to them', () => {
    const tools = [{ name: 'f', strict: true, parameters: '{"type":"object","properties":{"a":{"type":"string"}}}' }]
    expect(encode({ tools }).json['tools']).toMatchObject([
      { strict: true, input_schema: { properties: { a: { type: 'string' } }, additionalProperties: false } },
    ])
    expect(encode({ tools }, 'claude-sonnet-4-0').body).not.toContain('strict')
    expect(encode({ tools: [{ name: 'f', strict: true, parameters: '{"type":"object"}' }] }).body).not.toContain(
      'strict',
    )
  })
})

describe('an answer that follows a schema', () => {
  const SCHEMA = '{"type":"object","properties":{"b":{"type":"string"}},"additionalProperties":false}'
  const bound = (schema = SCHEMA, description = '') =>
    ({ format: { case: 'jsonSchema', value: { schema, description } } }) as const

  it('is bound to it where the model can be', () => {
    const { body, json } = encode({ responseFormat: bound() })
    expect(body).toContain(`"output_config":{"type":"json_schema"`.replace('{"type"', '{"format":{"type"'))
    expect(body).toContain(`"schema":${SCHEMA}`)
    expect(json).not.toHaveProperty('tools')
  })

  it('tells what it is for in the schema, unless the schema says so itself', () => {
    const schemaFor = (schema: string) => encode({ responseFormat: bound(schema, 'A person.') }).json['output_config']
    expect(schemaFor(SCHEMA)).toMatchObject({ format: { schema: { ...JSON.parse(SCHEMA), description: 'A person.' } } })
    expect(schemaFor('{"enum":[1],"description":"A number."}')).toMatchObject({
      format: { schema: { enum: [1], description: 'A number.' } },
    })
  })

  it('is asked for as the call of a tool elsewhere', () => {
    const { json } = encode({ responseFormat: bound(SCHEMA, 'A person.') }, 'claude-sonnet-4-0')
    expect(json).toMatchObject({
      tools: [{ name: ANSWER_TOOL, input_schema: JSON.parse(SCHEMA) }],
      tool_choice: { type: 'tool', name: ANSWER_TOOL },
    })
    expect(JSON.stringify(json['tools'])).toContain('A person.')
    expect(json).not.toHaveProperty('output_config')
  })

  it('beside tools may be an answer or a call', () => {
    const tools = [{ name: 'f' }]
    const { json } = encode({ tools, responseFormat: bound(), parallelToolCalls: false }, 'claude-sonnet-4-0')
    expect(json).toMatchObject({
      tools: [{ name: 'f' }, { name: ANSWER_TOOL }],
      tool_choice: { type: 'any', disable_parallel_tool_use: true },
    })
  })

  it.each([mode(REQUIRED), named('f')])('waits where a tool must be called first: %j', (toolChoice) => {
    const { json } = encode({ tools: [{ name: 'f' }], toolChoice, responseFormat: bound() }, 'claude-sonnet-4-0')
    expect(json['tools']).toHaveLength(1)
  })

  it('is all there is where no tool may be called', () => {
    const init = { tools: [{ name: 'f' }], toolChoice: mode(NONE), responseFormat: bound() }
    expect(encode(init, 'claude-sonnet-4-0').json['tool_choice']).toEqual({ type: 'tool', name: ANSWER_TOOL })
  })

  it('with objects of any names is the call of a tool, or unsupported', () => {
    const free = bound('{"type":"object","additionalProperties":{"type":"number"}}')
    expect(encode({ responseFormat: free }).json['tool_choice']).toEqual({ type: 'tool', name: ANSWER_TOOL })
    expect(() => encode({ responseFormat: free }, 'claude-opus-5-5')).toThrow(
      expect.objectContaining({ reason: 'UNSUPPORTED' }),
    )
  })

  it('that is any JSON object is the call of a tool, or unsupported', () => {
    const responseFormat = { format: { case: 'jsonObject', value: {} } } as const
    expect(encode({ responseFormat }).json).toMatchObject({
      tools: [{ name: ANSWER_TOOL, input_schema: { type: 'object' } }],
      tool_choice: { type: 'tool', name: ANSWER_TOOL },
    })
    expect(() => encode({ responseFormat }, 'claude-opus-5-5')).toThrow('response_format.json_object')
  })

  it('cannot be taken for a tool of a caller, whose names end at 64 characters', () => {
    expect(ANSWER_TOOL.length).toBeGreaterThan(64)
    expect(ANSWER_TOOL.length).toBeLessThanOrEqual(128)
  })
})

describe("the vendor's part of JSON Schema", () => {
  it('leaves a schema that fits as it is', () => {
    const schema =
      '{ "type": "object", "properties": {"2": {"type": "string", "format": "date"}, "1": {"$ref": "#/$defs/x"}}, "required": ["1"], "additionalProperties": false, "$defs": {"x": {"type": "array", "items": {"enum": [1]}, "minItems": 1}} }'
    expect(boundSchema(schema)).toBe(schema)
  })

  it.each([
    [
      'objects are closed, all the way down',
      { type: 'object', properties: { a: { type: ['object', 'null'], properties: {} } }, additionalProperties: true },
      {
        type: 'object',
        properties: { a: { type: ['object', 'null'], properties: {}, additionalProperties: false } },
        additionalProperties: false,
      },
    ],
    [
      'bounds become words',
      { type: 'integer', minimum: 1, maximum: 5, description: 'Stars.' },
      { type: 'integer', description: 'Stars.\n\n{minimum: 1, maximum: 5}' },
    ],
    [
      'unknown formats become words',
      { type: 'string', format: 'zip' },
      { type: 'string', description: '{format: "zip"}' },
    ],
    [
      'one of several is any of them',
      { oneOf: [{ type: 'string', minLength: 1 }, { type: 'null' }] },
      { anyOf: [{ type: 'string', description: '{minLength: 1}' }, { type: 'null' }] },
    ],
    [
      'longer lists become words',
      { type: 'array', items: { type: 'number', multipleOf: 2 }, minItems: 3 },
      { type: 'array', items: { type: 'number', description: '{multipleOf: 2}' }, description: '{minItems: 3}' },
    ],
    ['what says nothing of the answer is left out', { $schema: 'x', type: 'null', examples: [1] }, { type: 'null' }],
  ])('%s', (_what, given, expected) => {
    expect(JSON.parse(boundSchema(JSON.stringify(given)) ?? '')).toEqual(expected)
  })

  it.each([
    { type: 'object' },
    { type: 'object', additionalProperties: { type: 'number' } },
    { type: 'array', items: { type: 'object' } },
    { anyOf: [{ type: 'null' }, { type: 'object' }] },
    { type: 'object', properties: { a: { type: 'object', patternProperties: {} } } },
    { $ref: '#/$defs/a', $defs: { a: { type: 'object' } } },
  ])('has no objects of any names: %j', (schema) => {
    expect(boundSchema(JSON.stringify(schema))).toBeUndefined()
  })
})
