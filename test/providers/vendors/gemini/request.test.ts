import { describe, expect, it } from 'vitest'
import { ReasoningEffort, ToolChoiceMode } from '../../../../src/domain/types.ts'
import { type EncodeOptions, encodeChat, type RequestInit } from '../../../support/encode.ts'

const FLASH = 'gemini-2.5-flash'
const NEWEST = 'gemini-3.8-flash'

function encode(init: RequestInit, options: EncodeOptions = {}) {
  return encodeChat('gemini', init, { model: FLASH, ...options })
}

describe('a question', () => {
  it('names the model in the path, and how the answer is to come', () => {
    expect(encode({})).toMatchObject({
      path: '/models/gemini-2.5-flash:generateContent',
      json: { contents: [{ role: 'user', parts: [{ text: 'hi' }] }] },
    })
    expect(encode({}, { stream: true }).path).toBe('/models/gemini-2.5-flash:streamGenerateContent?alt=sse')
    expect(encode({}, { model: 'models/a/b' }).path).toBe('/models/a%2Fb:generateContent')
  })

  it('holds nothing that was not asked for', () => {
    expect(Object.keys(encode({}).json)).toEqual(['contents'])
  })
})

describe('tuning', () => {
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

  it('goes into generationConfig by its names there', () => {
    const { json, leftOut } = encode(tuned, { model: 'gemini-2.0-flash' })
    expect(leftOut).toEqual([])
    expect(json['generationConfig']).toEqual({
      temperature: 0,
      topP: 0.5,
      topK: 40,
      maxOutputTokens: 100,
      stopSequences: ['END'],
      seed: 7,
      frequencyPenalty: 0.5,
      presencePenalty: -0.5,
    })
  })

  it.each([
    ['gemini-2.5-pro', ['frequency_penalty', 'presence_penalty']],
    ['gemini-3.1-pro-preview', ['frequency_penalty', 'presence_penalty']],
    ['gemini-3.5-flash', ['frequency_penalty', 'presence_penalty']],
    ['gemini-3.5-flash-lite', ['temperature', 'top_p', 'top_k', 'frequency_penalty', 'presence_penalty']],
    ['gemini-3.6-flash', ['temperature', 'top_p', 'top_k', 'frequency_penalty', 'presence_penalty']],
    ['gemini-flash-latest', ['temperature', 'top_p', 'top_k', 'frequency_penalty', 'presence_penalty']],
  ])('leaves out, and names, what %s does not take', (model, left) => {
    const { json, leftOut } = encode(tuned, { model })
    expect(leftOut).toEqual(left)
    expect(json['generationConfig']).toMatchObject({ maxOutputTokens: 100, stopSequences: ['END'], seed: 7 })
    expect(json['generationConfig']).not.toHaveProperty('frequencyPenalty')
  })

  it('leaves out without a word what is done anyway', () => {
    expect(encode({ temperature: 1, frequencyPenalty: 0, parallelToolCalls: true }, { model: NEWEST }).leftOut).toEqual(
      [],
    )
  })

  it('sends five stops and seeds of 32 bits, and names what is beyond', () => {
    const { json, leftOut } = encode({ stop: ['a', 'b', 'c', 'd', 'e', 'f'], seed: 2n ** 31n })
    expect(json['generationConfig']).toEqual({ stopSequences: ['a', 'b', 'c', 'd', 'e'] })
    expect(leftOut).toEqual(['stop[5]', 'seed'])
    expect(encode({ seed: -(2n ** 31n) }).json).toMatchObject({ generationConfig: { seed: -2147483648 } })
  })

  it('takes the defaults where the caller says nothing, and only where the model takes them', () => {
    const defaults = { temperature: 0.7, maxTokens: 50 }
    expect(encode({}, { defaults }).json).toMatchObject({
      generationConfig: { temperature: 0.7, maxOutputTokens: 50 },
    })
    const newest = encode({}, { defaults, model: NEWEST })
    expect(newest.json['generationConfig']).toEqual({ maxOutputTokens: 50 })
    expect(newest.leftOut).toEqual([])
  })
})

describe('thinking', () => {
  const { NONE, MINIMAL, LOW, MEDIUM, HIGH } = ReasoningEffort
  const asked = (model: string, reasoning: NonNullable<RequestInit['reasoning']>) => {
    const { json, leftOut } = encode({ reasoning }, { model })
    return { ...(json['generationConfig'] as object | undefined), leftOut }
  }
  const effort = (value: ReasoningEffort) => ({ amount: { case: 'effort', value } }) as const
  const budget = (value: number) => ({ amount: { case: 'budgetTokens', value } }) as const

  it.each([
    ['gemini-2.5-flash', LOW, { thinkingBudget: 1024 }],
    ['gemini-2.5-pro', MEDIUM, { thinkingBudget: 8192 }],
    ['gemini-2.5-flash-lite', HIGH, { thinkingBudget: 24_576 }],
    ['gemini-3-flash-preview', MINIMAL, { thinkingLevel: 'MINIMAL' }],
    ['gemini-3.1-pro-preview', MINIMAL, { thinkingLevel: 'LOW' }],
    ['gemini-3.1-flash-lite', MINIMAL, { thinkingLevel: 'MINIMAL' }],
    ['gemini-3.6-flash', MEDIUM, { thinkingLevel: 'MEDIUM' }],
    ['gemini-3.8-flash', MINIMAL, { thinkingLevel: 'LOW' }],
    ['gemini-pro-latest', HIGH, { thinkingLevel: 'HIGH' }],
  ])('is told to %s as it takes it, and its thoughts are asked for', (model, value, amount) => {
    expect(asked(model, effort(value))).toEqual({ thinkingConfig: { ...amount, includeThoughts: true }, leftOut: [] })
  })

  it.each([
    ['gemini-2.5-pro', 100, { thinkingBudget: 128 }],
    ['gemini-2.5-pro', 5000, { thinkingBudget: 5000 }],
    ['gemini-2.5-flash', 100_000, { thinkingBudget: 24_576 }],
    ['gemini-3.8-flash', 1000, { thinkingLevel: 'LOW' }],
    ['gemini-3.8-flash', 1025, { thinkingLevel: 'MEDIUM' }],
    ['gemini-3.8-flash', 100_000, { thinkingLevel: 'HIGH' }],
  ])('with a budget is told to %s as the nearest it takes', (model, value, amount) => {
    expect(asked(model, budget(value))).toMatchObject({ thinkingConfig: amount, leftOut: [] })
  })

  it.each([
    ['gemini-2.5-flash', { thinkingBudget: 0 }, []],
    ['gemini-2.5-pro', { thinkingBudget: 128 }, ['reasoning']],
    ['gemini-3.5-flash', { thinkingLevel: 'MINIMAL' }, ['reasoning']],
    ['gemini-3.8-flash', { thinkingLevel: 'LOW' }, ['reasoning']],
  ])('is switched off in %s as far as it goes', (model, thinkingConfig, leftOut) => {
    expect(asked(model, effort(NONE))).toEqual({ thinkingConfig, leftOut })
    expect(asked(model, budget(0))).toEqual({ thinkingConfig, leftOut })
  })

  it.each(['gemini-2.0-flash', 'gemini-2.5-flash-image', 'gemini-3-pro-image-preview', 'gemma-3-27b-it'])(
    'is not asked of %s, which does not think as told',
    (model) => {
      expect(asked(model, effort(HIGH))).toEqual({ leftOut: ['reasoning'] })
      expect(asked(model, effort(NONE))).toEqual({ leftOut: [] })
    },
  )
})

describe('tools', () => {
  const tools = [
    { name: 'weather', description: 'Tells it.', parameters: '{"type":"object","properties":{"10":{},"2":{}}}' },
    { name: 'now' },
  ]

  it('are declared with their schemas to the letter', () => {
    expect(encode({ tools }).body).toContain(
      '"tools":[{"functionDeclarations":[{"name":"weather","description":"Tells it.","parametersJsonSchema":{"type":"object","properties":{"10":{},"2":{}}}},{"name":"now"}]}]',
    )
  })

  it.each([
    [undefined, undefined],
    [{ case: 'mode', value: ToolChoiceMode.AUTO }, { mode: 'AUTO' }],
    [{ case: 'mode', value: ToolChoiceMode.NONE }, { mode: 'NONE' }],
    [{ case: 'mode', value: ToolChoiceMode.REQUIRED }, { mode: 'ANY' }],
    [
      { case: 'name', value: 'now' },
      { mode: 'ANY', allowedFunctionNames: ['now'] },
    ],
  ] as const)('are chosen as asked: %j', (choice, functionCallingConfig) => {
    const { json } = encode({ tools, ...(choice && { toolChoice: { choice } }) })
    expect(json['toolConfig']).toEqual(functionCallingConfig && { functionCallingConfig })
  })

  it('that are strict are held to their schemas, also where the model may answer', () => {
    expect(encode({ tools: [{ name: 'now', strict: true }] }).json['toolConfig']).toEqual({
      functionCallingConfig: { mode: 'VALIDATED' },
    })
  })

  it('are called as the model likes: that cannot be told', () => {
    expect(encode({ tools, parallelToolCalls: false }).leftOut).toEqual(['parallel_tool_calls'])
    expect(encode({ parallelToolCalls: false }).leftOut).toEqual([])
  })

  it.each([
    ['gemini-2.5-flash', [{ name: '2nd' }], 'tools[0].name: the target requires a letter or _ at the beginning'],
    ['gemma-3-27b-it', tools, 'tools: the model has no tools'],
  ])('that %s cannot carry are refused', (model, refused, message) => {
    expect(() => encode({ tools: refused }, { model })).toThrow(
      expect.objectContaining({ reason: 'UNSUPPORTED', fallback: true, message }),
    )
  })
})

describe('the shape of the answer', () => {
  const schema = '{"type":"object","properties":{"b":{},"10":{},"2":{}}}'
  const jsonSchema = { format: { case: 'jsonSchema', value: { name: 'n', schema } } } as const
  const jsonObject = { format: { case: 'jsonObject', value: {} } } as const

  it('is JSON that follows the schema, given to the letter', () => {
    const { body, json } = encode({ responseFormat: jsonSchema, maxTokens: 9 })
    expect(json['generationConfig']).toMatchObject({ maxOutputTokens: 9, responseMimeType: 'application/json' })
    expect(body).toContain(`"responseJsonSchema":${schema}`)
  })

  it('is any JSON, or text', () => {
    expect(encode({ responseFormat: jsonObject }).json['generationConfig']).toEqual({
      responseMimeType: 'application/json',
    })
    expect(encode({ responseFormat: { format: { case: 'text', value: {} } } }).json).not.toHaveProperty(
      'generationConfig',
    )
  })

  it('has no description of its own', () => {
    const described = { format: { case: 'jsonSchema', value: { schema, description: 'A city.' } } } as const
    expect(encode({ responseFormat: described }).leftOut).toEqual(['response_format.json_schema.description'])
  })

  it.each([
    ['gemini-2.5-flash', 'cannot be bound to JSON where it has tools'],
    ['gemma-3-27b-it', 'cannot be bound to JSON'],
  ])('is refused where %s cannot carry it', (model, message) => {
    const tools = model === 'gemini-2.5-flash' ? [{ name: 'now' }] : []
    expect(() => encode({ responseFormat: jsonObject, tools }, { model })).toThrow(message)
  })

  it('stands beside tools in the newer models', () => {
    const { json } = encode({ responseFormat: jsonSchema, tools: [{ name: 'now' }] }, { model: NEWEST })
    expect(json).toMatchObject({ generationConfig: { responseMimeType: 'application/json' }, tools: [{}] })
  })
})

describe("the vendor's own fields", () => {
  it('are merged last, objects field by field', () => {
    const extra = {
      safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }],
      generationConfig: { topK: 3, thinkingConfig: { includeThoughts: false }, responseModalities: ['TEXT'] },
      toolConfig: { retrievalConfig: { languageCode: 'no' } },
    }
    const init = {
      topK: 40,
      maxTokens: 9,
      tools: [{ name: 'now', strict: true }],
      reasoning: { amount: { case: 'budgetTokens', value: 512 } },
    } as const
    expect(encode({ ...init, tools: [...init.tools] }, { extra }).json).toMatchObject({
      safetySettings: extra.safetySettings,
      generationConfig: {
        topK: 3,
        maxOutputTokens: 9,
        thinkingConfig: { thinkingBudget: 512, includeThoughts: false },
        responseModalities: ['TEXT'],
      },
      toolConfig: { functionCallingConfig: { mode: 'VALIDATED' }, retrievalConfig: { languageCode: 'no' } },
    })
  })

  it('may hold a schema in place of the one asked for', () => {
    const responseFormat = { format: { case: 'jsonSchema', value: { schema: '{"type":"object"}' } } } as const
    const extra = { generationConfig: { responseSchema: { type: 'STRING' } } }
    expect(encode({ responseFormat }, { extra }).json['generationConfig']).toEqual({
      responseMimeType: 'application/json',
      responseSchema: { type: 'STRING' },
    })
  })

  it('must not ask for several answers', () => {
    const extra = { generationConfig: { candidateCount: 2 } }
    expect(() => encode({}, { extra })).toThrow('provider_options.generationConfig.candidateCount')
  })
})
