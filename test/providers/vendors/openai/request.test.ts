import { describe, expect, it } from 'vitest'
import { ReasoningEffort, ToolChoiceMode } from '../../../../src/domain/types.ts'
import { fieldsOf } from '../../../../src/providers/vendors/json.ts'
import { encodeChat } from '../../../support/encode.ts'

const tuned = {
  temperature: 0,
  topP: 0.5,
  topK: 40,
  maxTokens: 100,
  stop: ['END'],
  seed: 7n,
  frequencyPenalty: 0.5,
  presencePenalty: -0.5,
}

describe('tuning', () => {
  it('is sent as it is, a temperature of 0 as 0', () => {
    const { path, json, leftOut } = encodeChat('vllm', tuned, { model: 'qwen' })
    expect(path).toBe('/chat/completions')
    expect(json).toEqual({
      model: 'qwen',
      messages: [{ role: 'user', content: 'hi' }],
      temperature: 0,
      top_p: 0.5,
      top_k: 40,
      max_tokens: 100,
      stop: ['END'],
      seed: 7,
      frequency_penalty: 0.5,
      presence_penalty: -0.5,
    })
    expect(leftOut).toEqual([])
  })

  it.each([
    ['openai', 'gpt-4o-mini', ['top_k'], { max_tokens: 100 }],
    ['openai', 'gpt-4.1', ['top_k'], { max_tokens: 100 }],
    [
      'openai',
      'gpt-5-nano',
      ['temperature', 'top_p', 'top_k', 'frequency_penalty', 'presence_penalty', 'stop'],
      { max_completion_tokens: 100, seed: 7 },
    ],
    [
      'azure',
      'o4-mini',
      ['temperature', 'top_p', 'top_k', 'frequency_penalty', 'presence_penalty', 'stop'],
      { max_completion_tokens: 100 },
    ],
    ['azure', 'gpt-35-turbo', ['top_k'], { max_tokens: 100, temperature: 0 }],
    ['openai', 'gpt-5-chat-latest', ['top_k'], { max_tokens: 100, temperature: 0 }],
    ['groq', 'llama-3.3-70b-versatile', ['top_k'], { max_completion_tokens: 100 }],
    ['xai', 'grok-4', ['top_k', 'frequency_penalty', 'presence_penalty', 'stop'], { temperature: 0 }],
    ['xai', 'grok-4-fast-non-reasoning', ['top_k'], { stop: ['END'] }],
    ['mistral', 'mistral-large-latest', ['top_k'], { random_seed: 7 }],
    ['deepseek', 'deepseek-chat', ['top_k', 'seed'], { temperature: 0 }],
    ['cerebras', 'gpt-oss-120b', ['top_k', 'frequency_penalty', 'presence_penalty'], { seed: 7 }],
    ['perplexity', 'sonar', ['seed'], { top_k: 40 }],
  ])('leaves out, and names, what %s/%s refuses', (kind, model, leftOut, sent) => {
    const encoded = encodeChat(kind, tuned, { model })
    expect(encoded.leftOut).toEqual(leftOut)
    expect(encoded.json).toMatchObject(sent)
    for (const field of leftOut) expect(encoded.json).not.toHaveProperty(field)
  })

  it('leaves out without a word what the model does anyway', () => {
    const { json, leftOut } = encodeChat('openai', { temperature: 1, presencePenalty: 0 }, { model: 'gpt-5' })
    expect(leftOut).toEqual([])
    expect(json).not.toHaveProperty('temperature')
  })

  it('takes defaults where the request is open, and never sends them to a model that refuses them', () => {
    const defaults = { temperature: 0.2, maxTokens: 50 }
    expect(encodeChat('openai', {}, { model: 'gpt-4o', defaults }).json).toMatchObject({
      temperature: 0.2,
      max_tokens: 50,
    })
    expect(encodeChat('openai', { temperature: 0 }, { model: 'gpt-4o', defaults }).json).toMatchObject({
      temperature: 0,
    })
    const reasoning = encodeChat('openai', {}, { model: 'o3', defaults })
    expect(reasoning.json).toMatchObject({ max_completion_tokens: 50 })
    expect(reasoning.json).not.toHaveProperty('temperature')
    expect(reasoning.leftOut).toEqual([])
  })
})

describe('thinking', () => {
  it.each([
    ['openai', 'gpt-5', ReasoningEffort.MINIMAL, { reasoning_effort: 'minimal' }],
    ['openrouter', 'anthropic/claude-sonnet-4', ReasoningEffort.HIGH, { reasoning: { effort: 'high' } }],
    ['groq', 'openai/gpt-oss-20b', ReasoningEffort.LOW, { reasoning_effort: 'low' }],
    ['groq', 'qwen/qwen3-32b', ReasoningEffort.NONE, { reasoning_effort: 'none', reasoning_format: 'parsed' }],
    ['mistral', 'mistral-small-latest', ReasoningEffort.LOW, { reasoning_effort: 'high' }],
    ['xai', 'grok-3-mini', ReasoningEffort.HIGH, { reasoning_effort: 'high' }],
  ])('asks %s/%s in its own word', (kind, model, value, sent) => {
    const { json, leftOut } = encodeChat(kind, { reasoning: { amount: { case: 'effort', value } } }, { model })
    expect(json).toMatchObject(sent)
    expect(leftOut).toEqual([])
  })

  it.each([
    ['openai', 'gpt-4o'],
    ['xai', 'grok-4'],
    ['mistral', 'mistral-large-latest'],
    ['llamacpp', 'any'],
  ])('is left out for %s/%s, which cannot be asked', (kind, model) => {
    const amount = { case: 'effort', value: ReasoningEffort.HIGH } as const
    const { json, leftOut } = encodeChat(kind, { reasoning: { amount } }, { model })
    expect(leftOut).toEqual(['reasoning'])
    expect(json).not.toHaveProperty('reasoning_effort')
  })

  it('sends a budget where the vendor takes one', () => {
    const reasoning = { amount: { case: 'budgetTokens', value: 2000 } } as const
    expect(encodeChat('openrouter', { reasoning }).json).toMatchObject({ reasoning: { max_tokens: 2000 } })
    expect(encodeChat('openai', { reasoning }, { model: 'gpt-5' }).leftOut).toEqual(['reasoning.budget_tokens'])
  })

  it.each([
    ['gpt-5-mini', { none: 'minimal', minimal: 'minimal', high: 'high' }, ['none']],
    ['gpt-5.1', { none: 'none', minimal: 'low', high: 'high' }, []],
    ['gpt-5-codex', { none: 'low', minimal: 'low', high: 'high' }, ['none']],
    ['gpt-5-pro', { none: undefined, minimal: undefined, high: 'high' }, ['none', 'minimal']],
    ['o4-mini', { none: 'low', minimal: 'low', high: 'high' }, ['none']],
  ])(
    'asks %s in words that it knows, and tells where it thinks more than it was asked to',
    (model, words, reported) => {
      const efforts = { none: ReasoningEffort.NONE, minimal: ReasoningEffort.MINIMAL, high: ReasoningEffort.HIGH }
      const asked = Object.entries(efforts).map(([name, value]) => {
        const { json, leftOut } = encodeChat('openai', { reasoning: { amount: { case: 'effort', value } } }, { model })
        const { effort } = fieldsOf(json['reasoning'])
        return { name, word: json['reasoning_effort'] ?? effort, reported: leftOut.includes('reasoning') }
      })
      expect(Object.fromEntries(asked.map(({ name, word }) => [name, word]))).toEqual(words)
      expect(asked.filter((one) => one.reported).map(({ name }) => name)).toEqual(reported)
    },
  )

  it('takes a budget of 0 for not thinking', () => {
    const reasoning = { amount: { case: 'budgetTokens', value: 0 } } as const
    expect(encodeChat('openrouter', { reasoning }).json).toMatchObject({ reasoning: { effort: 'none' } })
  })
})

describe('tools and formats', () => {
  const tools = [
    {
      name: 'weather',
      description: 'Of a city.',
      parameters: '{"type":"object","properties":{"2":{},"1":{}}}',
      strict: true,
    },
    { name: 'now' },
  ]

  it("keep a schema's text as it is, its properties in their order", () => {
    const { body, json } = encodeChat('openai', { tools })
    expect(body).toContain('"parameters":{"type":"object","properties":{"2":{},"1":{}}}')
    expect(json['tools']).toEqual([
      {
        type: 'function',
        function: {
          name: 'weather',
          description: 'Of a city.',
          strict: true,
          parameters: { type: 'object', properties: { 1: {}, 2: {} } },
        },
      },
      { type: 'function', function: { name: 'now', parameters: { type: 'object', properties: {} } } },
    ])
  })

  it.each([
    ['openai', { case: 'mode', value: ToolChoiceMode.REQUIRED }, 'required'],
    ['mistral', { case: 'mode', value: ToolChoiceMode.REQUIRED }, 'any'],
    ['openai', { case: 'mode', value: ToolChoiceMode.NONE }, 'none'],
    ['openai', { case: 'mode', value: ToolChoiceMode.AUTO }, 'auto'],
    ['openai', { case: 'name', value: 'now' }, { type: 'function', function: { name: 'now' } }],
  ] as const)('tell %s which to call: %j', (kind, choice, sent) => {
    expect(encodeChat(kind, { tools, toolChoice: { choice } }).json['tool_choice']).toEqual(sent)
  })

  it('send no choice and no parallelism where there are no tools: vendors refuse that', () => {
    const toolChoice = { choice: { case: 'mode', value: ToolChoiceMode.AUTO } } as const
    const { json, leftOut } = encodeChat('openai', { toolChoice, parallelToolCalls: false })
    expect(json).not.toHaveProperty('tool_choice')
    expect(json).not.toHaveProperty('parallel_tool_calls')
    expect(leftOut).toEqual([])
  })

  it('send parallelism with tools, and name it where a model does not take it', () => {
    expect(encodeChat('openai', { tools, parallelToolCalls: false }, { model: 'gpt-4o' }).json).toMatchObject({
      parallel_tool_calls: false,
    })
    expect(encodeChat('openai', { tools, parallelToolCalls: false }, { model: 'o3' }).leftOut).toEqual([
      'parallel_tool_calls',
    ])
  })

  const schema = '{"type":"object","properties":{"2":{},"1":{}}}'
  const jsonSchema = { format: { case: 'jsonSchema', value: { schema, strict: true } } } as const
  const jsonObject = { format: { case: 'jsonObject', value: {} } } as const

  it('ask for an answer that follows a schema', () => {
    const { body } = encodeChat('openai', { responseFormat: jsonSchema })
    expect(body).toContain(
      `"response_format":{"type":"json_schema","json_schema":{"name":"response","strict":true,"schema":${schema}}}`,
    )
  })

  it('ask for any JSON object, and for text without a word', () => {
    expect(encodeChat('groq', { responseFormat: jsonObject }).json).toMatchObject({
      response_format: { type: 'json_object' },
    })
    expect(encodeChat('groq', { responseFormat: { format: { case: 'text', value: {} } } }).json).not.toHaveProperty(
      'response_format',
    )
  })

  it.each([
    ['deepseek', { responseFormat: jsonSchema }, 'response_format.json_schema'],
    ['lmstudio', { responseFormat: jsonObject }, 'response_format.json_object'],
    ['perplexity', { tools }, 'tools'],
  ])('are refused for %s, which cannot carry them', (kind, init, field) => {
    expect(() => encodeChat(kind, init)).toThrow(
      expect.objectContaining({
        reason: 'UNSUPPORTED',
        facts: expect.objectContaining({ fields: [expect.objectContaining({ field })] }),
      }),
    )
  })
})

describe('streaming', () => {
  it('asks for usage where that must be asked for', () => {
    expect(encodeChat('openai', {}, { stream: true }).json).toMatchObject({
      stream: true,
      stream_options: { include_usage: true },
    })
  })

  it.each(['mistral', 'perplexity'])('does not ask %s, which sends it anyway', (kind) => {
    const { json } = encodeChat(kind, {}, { stream: true })
    expect(json).toMatchObject({ stream: true })
    expect(json).not.toHaveProperty('stream_options')
  })
})

describe('fields for one vendor', () => {
  it('are merged last and win', () => {
    const extra = { repeat_penalty: 1.1, temperature: 0.9, stream_options: null }
    expect(encodeChat('local', { temperature: 0 }, { extra, stream: true }).json).toMatchObject(extra)
  })

  it('replace a spliced field rather than stand beside it', () => {
    const responseFormat = { format: { case: 'jsonSchema', value: { schema: '{}' } } } as const
    const { body } = encodeChat('local', { responseFormat }, { extra: { response_format: { type: 'text' } } })
    expect(body.match(/response_format/g)).toHaveLength(1)
    expect(body).toContain('"response_format":{"type":"text"}')
  })
})
