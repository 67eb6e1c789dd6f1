import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../../../src/domain/errors/error.ts'
import { ReasoningEffort, Role, ToolChoiceMode } from '../../../../src/domain/types.ts'
import { type EncodeOptions, encodeChat, type RequestInit } from '../../../support/encode.ts'

const encode = (init: RequestInit = {}, options: EncodeOptions = {}) => encodeChat('ollama', init, options)
const unsupported = (field: string) =>
  expect.objectContaining({
    reason: 'UNSUPPORTED',
    fallback: true,
    facts: expect.objectContaining({ fields: [expect.objectContaining({ field })] }),
  })

describe('a question', () => {
  it('says whether to stream, which it would do unasked', () => {
    expect(encode({}, { model: 'llama3.2' })).toMatchObject({
      path: '/api/chat',
      json: { model: 'llama3.2', messages: [{ role: 'user', content: 'hi' }], stream: false },
    })
    expect(encode({}, { stream: true }).json).toEqual({
      model: 'm',
      messages: [{ role: 'user', content: 'hi' }],
      stream: true,
    })
  })

  it('has its tuning in the options', () => {
    const { json, leftOut } = encode({
      temperature: 0,
      topP: 0.9,
      topK: 20,
      maxTokens: 100,
      stop: ['END'],
      seed: 42n,
      frequencyPenalty: 0.5,
      presencePenalty: -0.5,
    })
    expect(json['options']).toEqual({
      temperature: 0,
      top_p: 0.9,
      top_k: 20,
      num_predict: 100,
      stop: ['END'],
      seed: 42,
      frequency_penalty: 0.5,
      presence_penalty: -0.5,
    })
    expect(leftOut).toEqual([])
  })

  it('has the defaults where it sets nothing itself', () => {
    const defaults = { temperature: 0.7, maxTokens: 500 }
    expect(encode({}, { defaults }).json['options']).toEqual({ temperature: 0.7, num_predict: 500 })
    expect(encode({ temperature: 0, maxTokens: 1 }, { defaults }).json['options']).toEqual({
      temperature: 0,
      num_predict: 1,
    })
  })
})

describe('the fields of provider_options', () => {
  it('go into the options by their known names, else to the top level', () => {
    const extra = { num_ctx: 8192, repeat_penalty: 1.1, keep_alive: '10m', logprobs: true, options: { draft: 4 } }
    const { json } = encode({ temperature: 0.2 }, { extra })
    expect(json['options']).toEqual({ temperature: 0.2, num_ctx: 8192, repeat_penalty: 1.1, draft: 4 })
    expect(json).toMatchObject({ keep_alive: '10m', logprobs: true })
  })

  it('win over the request, and the request over the configuration', () => {
    const options = { num_ctx: 2048, keep_alive: '1h' }
    expect(encode({}, { options }).json).toMatchObject({ options: { num_ctx: 2048 }, keep_alive: '1h' })
    const extra = { temperature: 1, num_ctx: 4096, keep_alive: 0, think: 'max', format: 'json' }
    const responseFormat = { format: { case: 'jsonSchema', value: { schema: '{}' } } } as const
    const { json, body } = encode({ temperature: 0, responseFormat }, { options, extra })
    expect(json).toMatchObject({ options: { temperature: 1, num_ctx: 4096 }, keep_alive: 0, think: 'max' })
    expect(body.match(/"format"/g)).toHaveLength(1)
    expect(json['format']).toBe('json')
  })
})

describe('thinking', () => {
  it.each([
    [ReasoningEffort.NONE, false],
    [ReasoningEffort.LOW, 'low'],
    [ReasoningEffort.MEDIUM, 'medium'],
    [ReasoningEffort.HIGH, 'high'],
  ])('is asked for by its effort: %j', (value, think) => {
    expect(encode({ reasoning: { amount: { case: 'effort', value } } }).json['think']).toBe(think)
  })

  it('is not mentioned unasked', () => {
    expect(encode().json).not.toHaveProperty('think')
  })

  it.each([
    [{ case: 'effort', value: ReasoningEffort.MINIMAL }, ['reasoning'], undefined],
    [{ case: 'budgetTokens', value: 2000 }, ['reasoning.budget_tokens'], undefined],
    [{ case: 'budgetTokens', value: 0 }, [], false],
  ] as const)('%j', (amount, left, think) => {
    const { json, leftOut } = encode({ reasoning: { amount } })
    expect(leftOut).toEqual(left)
    expect(json['think']).toBe(think)
  })
})

describe('tools and formats', () => {
  const parameters = '{"type":"object","properties":{"2":{},"1":{}}}'
  const tools = [{ name: 'weather', description: 'Of today.', parameters }, { name: 'now' }]

  it('go with their schemas as they were written', () => {
    const { body, json } = encode({ tools })
    expect(json['tools']).toMatchObject([
      { type: 'function', function: { name: 'weather', description: 'Of today.' } },
      { type: 'function', function: { name: 'now', parameters: { type: 'object', properties: {} } } },
    ])
    expect(body).toContain(`"parameters":${parameters}`)
  })

  it('are left away where none may be called', () => {
    const toolChoice = { choice: { case: 'mode', value: ToolChoiceMode.NONE } } as const
    expect(encode({ tools, toolChoice }).json).not.toHaveProperty('tools')
  })

  it.each([
    { case: 'mode', value: ToolChoiceMode.REQUIRED },
    { case: 'name', value: 'now' },
  ] as const)('cannot be forced: %j', (choice) => {
    expect(() => encode({ tools, toolChoice: { choice } })).toThrow(unsupported('tool_choice'))
  })

  it('name what Ollama leaves to the model', () => {
    const { leftOut } = encode({ tools: [{ name: 'now', strict: true }], parallelToolCalls: false })
    expect(leftOut).toEqual(['parallel_tool_calls', 'tools.strict'])
    expect(encode({ tools, parallelToolCalls: true }).leftOut).toEqual([])
  })

  it('an answer follows a schema, or is any JSON', () => {
    const schema = '{"type":"object","properties":{"2":{},"1":{}}}'
    const { body } = encode({ responseFormat: { format: { case: 'jsonSchema', value: { schema, strict: true } } } })
    expect(body).toContain(`"format":${schema}`)
    expect(encode({ responseFormat: { format: { case: 'jsonObject', value: {} } } }).json['format']).toBe('json')
    expect(encode({ responseFormat: { format: { case: 'text', value: {} } } }).json).not.toHaveProperty('format')
  })
})

describe('messages', () => {
  const messages = (init: RequestInit['messages']) => encode({ messages: init ?? [] }).json['messages']
  const PNG = new Uint8Array([137, 80, 78, 71])
  const image = {
    content: { case: 'image', value: { source: { case: 'data', value: PNG }, mimeType: 'image/png' } },
  } as const
  const text = (value: string) => ({ content: { case: 'text', value } }) as const

  it('have the roles that Ollama knows, and no names', () => {
    const { json, leftOut } = encode({
      messages: [
        { role: Role.SYSTEM, content: 'Be brief.' },
        { role: Role.DEVELOPER, content: 'Use metric units.' },
        { role: Role.USER, content: 'How far?', name: 'ann' },
      ],
    })
    expect(json['messages']).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'system', content: 'Use metric units.' },
      { role: 'user', content: 'How far?' },
    ])
    expect(leftOut).toEqual(['messages[2].name'])
  })

  it('have one text, and images as bytes beside it', () => {
    const parts = [text('What is '), image, text('this?')]
    expect(messages([{ role: Role.USER, parts }])).toEqual([
      { role: 'user', content: 'What is this?', images: ['iVBORw=='] },
    ])
    expect(messages([{ role: Role.USER, content: 'What is this?', parts }])).toMatchObject([
      { content: 'What is this?' },
    ])
  })

  it.each([
    [{ case: 'image', value: { source: { case: 'url', value: 'https://x.test/a.png' } } }],
    [{ case: 'audio', value: { source: { case: 'data', value: PNG }, mimeType: 'audio/wav' } }],
    [{ case: 'file', value: { source: { case: 'data', value: PNG }, mimeType: 'application/pdf' } }],
  ] as const)('cannot have %j', (content) => {
    expect(() => messages([{ role: Role.USER, parts: [text('a'), { content }] }])).toThrow(
      unsupported('messages[0].parts[1]'),
    )
  })

  it('of a turn with tools go back, each result by its tool and its call', () => {
    const given = '{"10": 1, "2": 12345678901234567890}'
    const { body, json, leftOut } = encode({
      messages: [
        {
          role: Role.ASSISTANT,
          content: 'Let me look.',
          reasoning: [{ text: 'A tool ' }, { text: 'knows.', signature: 'of another vendor' }],
          toolCalls: [
            { id: 'toolu_01', name: 'weather', arguments: given, signature: 'x' },
            { id: 'call_2', name: 'now' },
          ],
        },
        { role: Role.TOOL, content: '7 C', toolCallId: 'toolu_01' },
        { role: Role.TOOL, content: 'noon', toolCallId: 'call_2', name: 'clock' },
        { role: Role.TOOL, content: '?', toolCallId: 'unknown' },
      ],
    })
    expect(json['messages']).toMatchObject([
      {
        role: 'assistant',
        content: 'Let me look.',
        thinking: 'A tool knows.',
        tool_calls: [
          { id: 'toolu_01', function: { name: 'weather' } },
          { id: 'call_2', function: { name: 'now', arguments: {} } },
        ],
      },
      { role: 'tool', content: '7 C', tool_name: 'weather', tool_call_id: 'toolu_01' },
      { role: 'tool', content: 'noon', tool_name: 'clock', tool_call_id: 'call_2' },
      { role: 'tool', content: '?', tool_call_id: 'unknown' },
    ])
    expect(body).toContain(`"arguments":${given}`)
    expect(leftOut).toEqual(['messages[0].reasoning[1].signature', 'messages[0].tool_calls[0].signature'])
  })

  it.each(['{"city": "Os', '[1]', '"Oslo"', 'null'])('leave out arguments that are no object: %s', (given) => {
    const toolCalls = [{ id: 'a', name: 'weather', arguments: given }]
    const { json, leftOut } = encode({ messages: [{ role: Role.ASSISTANT, toolCalls }] })
    expect(json['messages']).toMatchObject([{ tool_calls: [{ function: { arguments: {} } }] }])
    expect(leftOut).toEqual(['messages[0].tool_calls[0].arguments'])
  })

  it('of another vendor go back as far as Ollama can read them', () => {
    const sound = { source: { case: 'data', value: PNG }, mimeType: 'audio/wav', transcript: 'I cannot say.' } as const
    const { json, leftOut } = encode({
      messages: [
        {
          role: Role.ASSISTANT,
          content: 'Well. ',
          parts: [text('Well. '), image, { content: { case: 'audio', value: sound } }],
          reasoning: [{ redacted: 'encrypted' }, { text: 'Hm.' }],
          refusal: 'No.',
        },
      ],
    })
    expect(json['messages']).toEqual([
      { role: 'assistant', content: 'Well. I cannot say.No.', images: ['iVBORw=='], thinking: 'Hm.' },
    ])
    expect(leftOut).toEqual(['messages[0].reasoning[0]'])
  })

  it('of any making are encoded, or refused as unsupported', () => {
    const media = fc.record({
      source: fc.oneof(
        fc.record({ case: fc.constant('data' as const), value: fc.uint8Array({ minLength: 1, maxLength: 4 }) }),
        fc.record({ case: fc.constant('url' as const), value: fc.webUrl() }),
      ),
      mimeType: fc.constantFrom('image/png', 'audio/wav', 'application/pdf'),
      transcript: fc.string(),
    })
    const part = fc.record({
      content: fc.oneof(
        fc.record({ case: fc.constant('text' as const), value: fc.string() }),
        fc.record({ case: fc.constantFrom('image' as const, 'audio' as const, 'file' as const), value: media }),
      ),
    })
    const message = fc.record({
      role: fc.constantFrom(Role.SYSTEM, Role.DEVELOPER, Role.USER, Role.ASSISTANT, Role.TOOL),
      content: fc.string(),
      parts: fc.array(part, { maxLength: 3 }),
      name: fc.string(),
      refusal: fc.string(),
      toolCallId: fc.string(),
      reasoning: fc.array(fc.record({ text: fc.string(), redacted: fc.string() }), { maxLength: 2 }),
      toolCalls: fc.array(
        fc.record({ id: fc.string(), name: fc.string(), arguments: fc.oneof(fc.string(), fc.json()) }),
        { maxLength: 2 },
      ),
    })
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 5 }), (list) => {
        try {
          expect(encode({ messages: list }).json['messages']).toHaveLength(list.length)
        } catch (error) {
          if (!(error instanceof GatewayError) || error.reason !== 'UNSUPPORTED') throw error
        }
      }),
      { numRuns: 300 },
    )
  })
})
