import { describe, expect, it } from 'vitest'
import { ReasoningEffort, Role, ToolChoiceMode } from '../../../../../src/domain/types.ts'
import { type EncodeOptions, encodeChat, type RequestInit } from '../../../../support/encode.ts'

const SIGNATURE = 'gAAAAABqPBJRAhmec86Fy9tP'
const parameters = '{"type":"object","properties":{"2":{},"1":{}}}'
const tools = [{ name: 'weather', description: 'Of a city.', parameters }]

/** A request as the Responses API of OpenAI receives it. */
function encode(request: RequestInit, options: EncodeOptions = {}) {
  return encodeChat('openai', request, {
    model: 'gpt-5.5',
    ...options,
    options: { api: 'responses', ...options.options },
  })
}

function effort(value: ReasoningEffort) {
  return { reasoning: { amount: { case: 'effort', value } } } as const
}

describe('the body', () => {
  it('asks for a response that is not stored, with its reasoning encrypted', () => {
    const { path, json } = encode(effort(ReasoningEffort.LOW), { stream: true })
    expect(path).toBe('/responses')
    expect(json).toEqual({
      model: 'gpt-5.5',
      input: [{ role: 'user', content: 'hi' }],
      store: false,
      stream: true,
      reasoning: { effort: 'low' },
      include: ['reasoning.encrypted_content'],
    })
  })

  it('does not ask a model without reasoning for it', () => {
    expect(encode({}, { model: 'gpt-4o' }).json).not.toHaveProperty('include')
  })

  it('asks for a summary of the reasoning where that is configured', () => {
    const options = { reasoning_summary: 'auto' }
    expect(encode(effort(ReasoningEffort.LOW), { options }).json['reasoning']).toEqual({
      effort: 'low',
      summary: 'auto',
    })
    expect(encode(effort(ReasoningEffort.NONE), { options }).json['reasoning']).toEqual({ effort: 'none' })
  })

  it('has tuning by the names of this API, and names what the API does not have', () => {
    const request = { temperature: 0, topP: 0.5, maxTokens: 100, seed: 7n, stop: ['END'], frequencyPenalty: 1, topK: 4 }
    const { json, leftOut } = encode(request, { model: 'gpt-4o' })
    expect(json).toMatchObject({ temperature: 0, top_p: 0.5, max_output_tokens: 100 })
    expect(leftOut).toEqual(['top_k', 'seed', 'frequency_penalty', 'stop'])
  })

  it('has no fewer tokens than the API takes', () => {
    const { json, leftOut } = encode({ maxTokens: 3 })
    expect(json['max_output_tokens']).toBe(16)
    expect(leftOut).toEqual(['max_tokens'])
  })

  it('has the schema of a tool as it is, strict only where the caller says so', () => {
    const { body, json } = encode({
      tools: [...tools, { name: 'now', strict: true }],
      toolChoice: { choice: { case: 'name', value: 'now' } },
      parallelToolCalls: false,
    })
    expect(body).toContain(`"parameters":${parameters}`)
    expect(json).toMatchObject({
      tools: [
        { type: 'function', name: 'weather', description: 'Of a city.', strict: false },
        { type: 'function', name: 'now', strict: true, parameters: { type: 'object', properties: {} } },
      ],
      tool_choice: { type: 'function', name: 'now' },
      parallel_tool_calls: false,
    })
  })

  it.each([
    [ToolChoiceMode.AUTO, 'auto'],
    [ToolChoiceMode.NONE, 'none'],
    [ToolChoiceMode.REQUIRED, 'required'],
  ])('has the choice of a tool', (value, sent) => {
    expect(encode({ tools, toolChoice: { choice: { case: 'mode', value } } }).json['tool_choice']).toBe(sent)
  })

  it('binds the text to a schema or to JSON', () => {
    const jsonSchema = {
      format: { case: 'jsonSchema', value: { name: 'book', schema: parameters, strict: true } },
    } as const
    expect(encode({ responseFormat: jsonSchema }).body).toContain(
      `"text":{"format":{"type":"json_schema","name":"book","strict":true,"schema":${parameters}}}`,
    )
    const jsonObject = { format: { case: 'jsonObject', value: {} } } as const
    expect(encode({ responseFormat: jsonObject }).json['text']).toEqual({ format: { type: 'json_object' } })
  })

  it('merges provider options last, those of reasoning and text field by field', () => {
    const extra = { store: true, reasoning: { summary: 'detailed' }, text: { verbosity: 'low' } }
    const jsonObject = { format: { case: 'jsonObject', value: {} } } as const
    const { json } = encode({ ...effort(ReasoningEffort.HIGH), responseFormat: jsonObject }, { extra })
    expect(json).toMatchObject({
      store: true,
      reasoning: { effort: 'high', summary: 'detailed' },
      text: { verbosity: 'low', format: { type: 'json_object' } },
    })
  })
})

describe('the input', () => {
  const user = { role: Role.USER, content: 'Hi.' }
  const call = { id: 'call_1', name: 'weather', arguments: '{"city":"Oslo"}' }

  it('has the first texts of the system as instructions, and later ones in their place', () => {
    const messages = [
      { role: Role.SYSTEM, content: 'Be brief.' },
      { role: Role.SYSTEM, content: 'Rhyme.' },
      { role: Role.DEVELOPER, content: 'In French.' },
      user,
      { role: Role.SYSTEM, content: 'Now in Latin.' },
    ]
    expect(encode({ messages }).json).toMatchObject({
      instructions: 'Be brief.\n\nRhyme.',
      input: [
        { role: 'developer', content: 'In French.' },
        { role: 'user', content: 'Hi.' },
        { role: 'system', content: 'Now in Latin.' },
      ],
    })
  })

  it('has an earlier answer as reasoning, message and calls, and the results of the calls', () => {
    const messages = [
      user,
      {
        role: Role.ASSISTANT,
        content: 'I look.',
        reasoning: [{ text: 'Ask.', signature: SIGNATURE }, { signature: SIGNATURE }],
        toolCalls: [call],
      },
      { role: Role.TOOL, content: 'Rain.', toolCallId: 'call_1' },
    ]
    const { json, leftOut } = encode({ messages })
    expect(json['input']).toEqual([
      { role: 'user', content: 'Hi.' },
      { type: 'reasoning', summary: [{ type: 'summary_text', text: 'Ask.' }], encrypted_content: SIGNATURE },
      { type: 'reasoning', summary: [], encrypted_content: SIGNATURE },
      { role: 'assistant', content: 'I look.' },
      { type: 'function_call', call_id: 'call_1', name: 'weather', arguments: '{"city":"Oslo"}' },
      { type: 'function_call_output', call_id: 'call_1', output: 'Rain.' },
    ])
    expect(leftOut).toEqual([])
  })

  it('leaves out reasoning that another vendor signed or encrypted', () => {
    const reasoning = [{ text: 'Hm.', signature: 'c2lnbmVk' }, { redacted: 'c2VjcmV0' }, { text: 'Unsigned.' }]
    const { json, leftOut } = encode({ messages: [user, { role: Role.ASSISTANT, content: 'Yes.', reasoning }, user] })
    expect(json['input']).toHaveLength(3)
    expect(leftOut).toEqual(['messages[1].reasoning[0]', 'messages[1].reasoning[1]'])
  })

  it('has a refusal as one', () => {
    const messages = [user, { role: Role.ASSISTANT, content: 'No.', refusal: 'I will not.' }, user]
    expect(encode({ messages }).json['input']).toMatchObject([
      {},
      {
        type: 'message',
        role: 'assistant',
        content: [
          { type: 'output_text', text: 'No.' },
          { type: 'refusal', refusal: 'I will not.' },
        ],
      },
      {},
    ])
  })

  it('carries images and files, in results of tools too', () => {
    const image = { case: 'image', value: { source: { case: 'url', value: 'https://example.com/a.png' } } } as const
    const data = { case: 'data', value: new Uint8Array([1, 2, 3]) } as const
    const file = { case: 'file', value: { source: data, mimeType: 'application/pdf', name: 'a.pdf' } } as const
    const link = { case: 'file', value: { source: { case: 'url', value: 'https://example.com/a.pdf' } } } as const
    const messages = [
      {
        role: Role.USER,
        parts: [
          { content: { case: 'text', value: 'See.' } as const },
          { content: image },
          { content: file },
          { content: link },
        ],
      },
      { role: Role.ASSISTANT, toolCalls: [call] },
      { role: Role.TOOL, toolCallId: 'call_1', parts: [{ content: image }] },
    ]
    const inputImage = { type: 'input_image', image_url: 'https://example.com/a.png', detail: 'auto' }
    expect(encode({ messages }).json['input']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'See.' },
          inputImage,
          { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,AQID' },
          { type: 'input_file', file_url: 'https://example.com/a.pdf' },
        ],
      },
      { type: 'function_call', call_id: 'call_1', name: 'weather', arguments: '{"city":"Oslo"}' },
      { type: 'function_call_output', call_id: 'call_1', output: [inputImage] },
    ])
  })

  it('cannot carry sound', () => {
    const audio = {
      case: 'audio',
      value: { source: { case: 'data', value: new Uint8Array([1]) }, mimeType: 'audio/wav' },
    } as const
    expect(() => encode({ messages: [{ role: Role.USER, parts: [{ content: audio }] }] })).toThrow(
      expect.objectContaining({ reason: 'UNSUPPORTED' }),
    )
  })

  it('shortens ids of calls that are too long, the same wherever they are', () => {
    const id = 'x'.repeat(65)
    const messages = [
      user,
      { role: Role.ASSISTANT, toolCalls: [{ ...call, id }] },
      { role: Role.TOOL, content: '7', toolCallId: id },
    ]
    const input = encode({ messages }).json['input'] as { call_id?: string }[]
    expect(input[1]?.call_id).toHaveLength(9)
    expect(input[2]?.call_id).toBe(input[1]?.call_id)
  })
})

describe('other vendors', () => {
  it('xAI takes system messages as input, and its own reasoning only', () => {
    const messages = [
      { role: Role.SYSTEM, content: 'Be brief.' },
      {
        role: Role.ASSISTANT,
        content: 'Yes.',
        reasoning: [{ signature: 'V0dVkyZID50/Rg1DTtZvQXbbORp2x9XO' }, { signature: SIGNATURE }],
      },
    ]
    const { json, leftOut } = encodeChat('xai', { messages }, { model: 'grok-4.3', options: { api: 'responses' } })
    expect(json['input']).toMatchObject([{ role: 'system' }, { type: 'reasoning' }, { role: 'assistant' }])
    expect(leftOut).toEqual(['messages[1].reasoning[1]'])
  })

  it('Azure has a path without a version, and the deployment in the body', () => {
    const options = { api: 'responses', deployments: { 'gpt-5.5': 'ours' } }
    const { path, json } = encodeChat('azure', {}, { model: 'gpt-5.5', options })
    expect(path).toBe('/openai/v1/responses')
    expect(json['model']).toBe('ours')
  })

  it('OpenRouter takes a budget', () => {
    const reasoning = { amount: { case: 'budgetTokens', value: 2000 } } as const
    const { json } = encodeChat('openrouter', { reasoning }, { options: { api: 'responses' } })
    expect(json['reasoning']).toEqual({ max_tokens: 2000 })
  })
})
