import { describe, expect, it } from 'vitest'
import { ReasoningEffort, Role, ToolChoiceMode } from '../../../../src/domain/types.ts'
import { type EncodeOptions, encodeChat, type RequestInit } from '../../../support/encode.ts'

function encode(init: RequestInit, model = 'claude-sonnet-4-5', options: EncodeOptions = {}) {
  return encodeChat('anthropic', init, { model, ...options })
}

describe('a request', () => {
  it('names the version of the API, the model and the most tokens', () => {
    const { path, headers, json } = encode({})
    expect(path).toBe('/v1/messages')
    expect(headers).toEqual({ 'anthropic-version': '2023-06-01' })
    expect(json).toEqual({
      model: 'claude-sonnet-4-5',
      max_tokens: 4096,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }],
    })
  })

  it('asks for a stream where one is wanted', () => {
    expect(encode({}, 'm', { stream: true }).json['stream']).toBe(true)
  })

  it.each([
    [{ maxTokens: 9 }, { maxTokens: 5 }, 9],
    [{}, { maxTokens: 5 }, 5],
    [{}, {}, 4096],
  ])('%j with the defaults %j asks for %i tokens', (init, defaults, expected) => {
    expect(encode(init, 'claude-sonnet-4-5', { defaults }).json['max_tokens']).toBe(expected)
  })

  it('takes further fields last, those of output_config one by one', () => {
    const extra = { max_tokens: 1, service_tier: 'auto', output_config: { effort: 'max' } }
    const responseFormat = { format: { case: 'jsonSchema', value: { schema: '{"enum":[1]}' } } } as const
    expect(encode({ responseFormat }, 'claude-opus-5', { extra }).json).toMatchObject({
      max_tokens: 1,
      service_tier: 'auto',
      output_config: { effort: 'max', format: { type: 'json_schema', schema: { enum: [1] } } },
    })
    const format = { type: 'json_schema', schema: {} }
    const replaced = encode({ responseFormat }, 'claude-opus-5', { extra: { output_config: { format } } })
    expect(replaced.json['output_config']).toEqual({ format })
  })
})

describe('tuning', () => {
  const tuned = { temperature: 0, topP: 0.5, topK: 40, seed: 7n, frequencyPenalty: 0.5, presencePenalty: -0.5 }
  const NEVER = ['seed', 'frequency_penalty', 'presence_penalty']

  it.each([
    ['claude-3-7-sonnet-latest', [], { temperature: 0, top_p: 0.5, top_k: 40 }],
    ['claude-sonnet-4-20250514', [], { temperature: 0, top_p: 0.5, top_k: 40 }],
    ['claude-sonnet-4-5-20250929', ['top_p'], { temperature: 0, top_k: 40 }],
    ['claude-opus-4-1', ['top_p'], { temperature: 0, top_k: 40 }],
    ['claude-opus-4-6', ['top_p'], { temperature: 0, top_k: 40 }],
    ['claude-opus-4-7', ['temperature', 'top_p', 'top_k'], {}],
    ['claude-sonnet-5', ['temperature', 'top_p', 'top_k'], {}],
    ['claude-haiku-5-5', ['temperature', 'top_p', 'top_k'], {}],
    ['claude-fable-5-1', ['temperature', 'top_p', 'top_k'], {}],
    ['claude-next-7', ['temperature', 'top_p', 'top_k'], {}],
    ['minimax-m2', [], { temperature: 0, top_p: 0.5, top_k: 40 }],
  ])('leaves out, and names, what %s refuses', (model, leftOut, sent) => {
    const encoded = encode(tuned, model)
    expect(encoded.leftOut).toEqual([...NEVER, ...leftOut])
    expect(encoded.json).toMatchObject(sent)
    for (const field of [...NEVER, ...leftOut]) expect(encoded.json).not.toHaveProperty(field)
  })

  it('leaves out without a word what the model does anyway', () => {
    const same = { temperature: 1, topP: 1, frequencyPenalty: 0, presencePenalty: 0 }
    const { json, leftOut } = encode(same, 'claude-opus-5')
    expect(leftOut).toEqual([])
    expect(json).not.toHaveProperty('temperature')
    expect(json).not.toHaveProperty('top_p')
  })

  it('takes a top_p of 1 beside a temperature for what it is', () => {
    expect(encode({ temperature: 0.5, topP: 1 })).toMatchObject({ leftOut: [], json: { temperature: 0.5 } })
  })

  it('ends at a temperature of 1', () => {
    const { json, leftOut } = encode({ temperature: 1.5 })
    expect(leftOut).toEqual(['temperature'])
    expect(json).not.toHaveProperty('temperature')
  })

  it.each([
    ['claude-sonnet-4-5', {}, 0.3, 0.3],
    ['claude-sonnet-4-5', { temperature: 0 }, 0.3, 0],
    ['claude-sonnet-4-5', { topP: 0.5 }, 0.3, undefined],
    ['claude-3-haiku', { topP: 0.5 }, 0.3, 0.3],
    ['claude-sonnet-4-5', {}, 1.5, undefined],
    ['claude-opus-5', {}, 0.3, undefined],
    ['claude-sonnet-4-5', { reasoning: { amount: { case: 'budgetTokens', value: 2000 } } } as const, 0.3, undefined],
  ])('sends %s for %j a default temperature of %d where it is taken', (model, init, usual, sent) => {
    const { json, leftOut } = encode(init, model, { defaults: { temperature: usual } })
    expect(json['temperature']).toBe(sent)
    expect(leftOut).toEqual([])
  })

  it('sends stop texts, but for blank ones', () => {
    const { json, leftOut } = encode({ stop: ['END', '\n\n', ' .'] })
    expect(json['stop_sequences']).toEqual(['END', ' .'])
    expect(leftOut).toEqual(['stop[1]'])
    expect(encode({ stop: ['\n'] }).json).not.toHaveProperty('stop_sequences')
  })
})

describe('thinking', () => {
  const effort = (value: ReasoningEffort) => ({ reasoning: { amount: { case: 'effort', value } } }) as const
  const budget = (value: number) => ({ reasoning: { amount: { case: 'budgetTokens', value } } }) as const
  const { NONE, MINIMAL, LOW, MEDIUM, HIGH } = ReasoningEffort

  it.each([
    [MINIMAL, 1024],
    [LOW, 2048],
    [MEDIUM, 8192],
    [HIGH, 16384],
  ])('of effort %i is a budget of %i where the model takes budgets, with room for the answer', (value, tokens) => {
    expect(encode(effort(value), 'claude-haiku-4-5').json).toMatchObject({
      thinking: { type: 'enabled', budget_tokens: tokens },
      max_tokens: 4096 + tokens,
    })
  })

  it.each([
    [MINIMAL, 'low'],
    [LOW, 'low'],
    [MEDIUM, 'medium'],
    [HIGH, 'high'],
  ])('of effort %i is %s where the model takes efforts', (value, word) => {
    for (const model of ['claude-opus-4-6', 'claude-opus-4-8', 'claude-sonnet-5-5', 'claude-fable-5']) {
      const { json, leftOut } = encode(effort(value), model)
      expect(json).toMatchObject({
        thinking: { type: 'adaptive', display: 'summarized' },
        output_config: { effort: word },
      })
      expect(leftOut).toEqual([])
    }
  })

  it.each([
    ['claude-sonnet-4-5', budget(2000), {}, 2000],
    ['claude-sonnet-4-5', budget(4000), { maxTokens: 4096 }, 4000],
    ['claude-sonnet-4-5', budget(9000), { maxTokens: 4096 }, 4095],
    ['claude-sonnet-4-5', effort(HIGH), { maxTokens: 4096 }, 3072],
    ['claude-sonnet-4-6', budget(2000), {}, 2000],
    ['kimi-k2', budget(2000), {}, 2000],
  ])('%s with %j and %j has a budget below the most tokens', (model, init, more, tokens) => {
    const { json, leftOut } = encode({ ...init, ...more }, model)
    expect(json['thinking']).toEqual({ type: 'enabled', budget_tokens: tokens })
    expect(Number(json['max_tokens'])).toBeGreaterThan(tokens)
    expect(leftOut).toEqual([])
  })

  it.each([
    ['claude-sonnet-4-5', budget(1000), {}, 'reasoning.budget_tokens'],
    ['claude-sonnet-4-5', budget(2000), { maxTokens: 500 }, 'reasoning.budget_tokens'],
    ['claude-sonnet-4-5', effort(HIGH), { maxTokens: 1200 }, 'reasoning'],
    ['claude-3-5-haiku-latest', effort(HIGH), {}, 'reasoning'],
  ])('%s with %j and %j goes without it, and says so', (model, init, more, field) => {
    const { json, leftOut } = encode({ ...init, ...more }, model)
    expect(json).not.toHaveProperty('thinking')
    expect(leftOut).toEqual([field])
  })

  it('by a budget is thinking all the same where the model takes efforts only', () => {
    const { json, leftOut } = encode(budget(2000), 'claude-opus-4-8')
    expect(json['thinking']).toEqual({ type: 'adaptive', display: 'summarized' })
    expect(json).not.toHaveProperty('output_config')
    expect(leftOut).toEqual(['reasoning.budget_tokens'])
  })

  it.each([
    ['claude-sonnet-4-5', undefined, []],
    ['claude-opus-4-8', undefined, []],
    ['claude-opus-5', { type: 'disabled' }, []],
    ['claude-haiku-5-5', { type: 'disabled' }, []],
    ['claude-sonnet-5-5', { type: 'between_tools' }, []],
    ['claude-opus-5-5', undefined, ['reasoning']],
    ['claude-fable-5', undefined, ['reasoning']],
  ])('is turned off as %s wants it', (model, config, leftOut) => {
    for (const init of [effort(NONE), budget(0)]) {
      const encoded = encode(init, model)
      expect(encoded.json['thinking']).toEqual(config)
      expect(encoded.leftOut).toEqual(leftOut)
      expect(encoded.json['output_config']).toEqual(leftOut.length > 0 ? { effort: 'low' } : undefined)
    }
  })

  it('takes no sampling beside it', () => {
    const sampling = { temperature: 0.5, topK: 5 }
    const { json, leftOut } = encode({ ...budget(2000), ...sampling })
    expect(leftOut).toEqual(['temperature', 'top_k'])
    expect(json).not.toHaveProperty('temperature')
    expect(encode({ ...budget(2000), temperature: 1, topP: 0.99 }).json).toMatchObject({ top_p: 0.99 })
    expect(encode({ ...budget(2000), topP: 0.5 }).leftOut).toEqual(['top_p'])
  })

  const tools = [{ name: 'f' }]
  const required = { choice: { case: 'mode', value: ToolChoiceMode.REQUIRED } } as const

  it.each([
    ['claude-sonnet-4-5', ['reasoning']],
    ['claude-opus-4-7', ['reasoning']],
    ['claude-opus-4-8', []],
    ['claude-sonnet-5', []],
  ])('gives way in %s where a tool must be called', (model, leftOut) => {
    const encoded = encode({ ...effort(LOW), tools, toolChoice: required }, model)
    expect(encoded.json['tool_choice']).toEqual({ type: 'any' })
    expect(encoded.leftOut).toEqual(leftOut)
    expect('thinking' in encoded.json).toBe(leftOut.length === 0)
  })

  const called = (reasoning: { text: string; signature?: string }[]) => ({
    tools,
    messages: [
      { role: Role.USER, content: 'Go.' },
      { role: Role.ASSISTANT, reasoning, toolCalls: [{ id: 'a', name: 'f' }] },
      { role: Role.TOOL, toolCallId: 'a', content: 'x' },
    ],
  })

  it.each([
    ['claude-sonnet-4-5', [], ['reasoning']],
    ['claude-sonnet-4-5', [{ text: 'of another vendor' }], ['reasoning']],
    ['claude-sonnet-4-5', [{ text: 'own', signature: 'c2ln' }], []],
    ['claude-opus-4-6', [], []],
  ])('gives way in %s where a turn was begun without it: %j', (model, reasoning, leftOut) => {
    expect(encode({ ...effort(LOW), ...called(reasoning) }, model).leftOut).toEqual(leftOut)
  })

  it('gives way where an answer is continued', () => {
    const messages = [
      { role: Role.USER, content: 'Count.' },
      { role: Role.ASSISTANT, content: 'One,' },
    ]
    expect(encode({ ...effort(LOW), messages }).leftOut).toEqual(['reasoning'])
  })
})
