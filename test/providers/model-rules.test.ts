import { describe, expect, it } from 'vitest'
import { Capability, Role } from '../../src/domain/types.ts'
import { kinds } from '../../src/providers/index.ts'
import { type ModelRules, overridesFor, rulesIn } from '../../src/providers/model-rules.ts'
import { openAiModels } from '../../src/providers/vendors/openai/models.ts'
import { encodeChat, type RequestInit } from '../support/encode.ts'

describe('the table of OpenAI', () => {
  it.each([
    ['gpt-5.2-chat', { temperature: 0, maxTokens: 9 }, { max_completion_tokens: 9 }, ['temperature']],
    ['gpt-4o-search-preview', { temperature: 0, topP: 0.5 }, {}, ['temperature', 'top_p']],
    ['gpt-5.1', { temperature: 0 }, { temperature: 0 }, []],
    ['gpt-5.2', { temperature: 0.2, topP: 0.5 }, { temperature: 0.2, top_p: 0.5 }, []],
    ['gpt-5.5', { temperature: 0 }, {}, ['temperature']],
    ['gpt-4o', { stop: ['1', '2', '3', '4', '5'] }, { stop: ['1', '2', '3', '4'] }, ['stop[4]']],
  ])('says what %s takes of %j', (model, request, sent, leftOut) => {
    const encoded = encodeChat('openai', request, { model })
    expect(encoded.json).toMatchObject(sent)
    expect(encoded.leftOut).toEqual(leftOut)
    for (const field of leftOut) expect(encoded.json).not.toHaveProperty(field)
  })

  it('takes 128 tools, whose names are letters, digits, _ and -', () => {
    const tools = (count: number) => Array.from({ length: count }, (_, index) => ({ name: `tool_${index}` }))
    expect(encodeChat('openai', { tools: tools(128) }).json['tools']).toHaveLength(128)
    const unsupported = (field: string) =>
      expect.objectContaining({
        reason: 'UNSUPPORTED',
        facts: expect.objectContaining({ fields: [expect.objectContaining({ field })] }),
      })
    expect(() => encodeChat('openai', { tools: tools(130) })).toThrow(unsupported('tools'))
    expect(() => encodeChat('openai', { tools: [{ name: 'srv.f' }] })).toThrow(unsupported('tools[0].name'))
  })

  it('makes names of participants and past calls fit', () => {
    const messages = [
      { role: Role.USER, content: 'Hi.', name: 'Test Person' },
      { role: Role.ASSISTANT, toolCalls: [{ id: 'call_1', name: 'srv.f', arguments: '{}' }] },
      { role: Role.TOOL, content: '7', toolCallId: 'call_1' },
    ]
    expect(encodeChat('openai', { messages }).json['messages']).toMatchObject([
      { name: 'Test_Person' },
      { tool_calls: [{ function: { name: 'srv_f' } }] },
      {},
    ])
  })

  it.each([
    ['openai/gpt-5.5-2026-04-23', false],
    ['gpt-5-mini', true],
    ['gpt-5.1', true],
    ['gpt-5.4-mini', false],
    ['gpt-6', false],
    ['gpt-4o', undefined],
  ])('knows whether %s thinks while it has tools: %s', (model, expected) => {
    expect(rulesIn(openAiModels, model)?.effortWithTools).toBe(expected)
  })
})

describe('what the operator says of a model', () => {
  const entries = [
    { pattern: 'gpt-7-mini', rules: { maxStops: 2 } },
    { pattern: 'gpt-7*', rules: { maxStops: 9, sampling: 'none' } },
  ] as const

  it('is what the first pattern says that sets a rule', () => {
    expect(overridesFor(entries, 'gpt-7-mini')).toEqual({ maxStops: 2, sampling: 'none' })
    expect(overridesFor(entries, 'gpt-7')).toEqual({ maxStops: 9, sampling: 'none' })
    expect(overridesFor(entries, 'gpt-4o')).toEqual({})
  })

  it.each<[kind: string, model: string, ModelRules, RequestInit, object]>([
    ['openai', 'gpt-5', { sampling: 'all' }, { temperature: 0.5 }, { temperature: 0.5 }],
    ['openai', 'gpt-4o', { tokenField: 'max_completion_tokens' }, { maxTokens: 5 }, { max_completion_tokens: 5 }],
    ['groq', 'any', { maxStops: 1 }, { stop: ['a', 'b'] }, { stop: ['a'] }],
    ['anthropic', 'claude-opus-4-7', { sampling: 'all' }, { topK: 5 }, { top_k: 5 }],
    ['gemini', 'gemini-3.8-flash', { sampling: 'all' }, { topK: 5 }, { generationConfig: { topK: 5 } }],
  ])('outranks the table of %s for %s: %j', (kind, model, overrides, request, sent) => {
    expect(encodeChat(kind, request, { model, overrides }).json).toMatchObject(sent)
  })

  it('chooses the role of the system', () => {
    const messages = [
      { role: Role.SYSTEM, content: 'Be brief.' },
      { role: Role.USER, content: 'Hi.' },
    ]
    const { json } = encodeChat('openai', { messages }, { overrides: { systemRole: 'user' } })
    expect(json['messages']).toMatchObject([{ role: 'user', content: 'Be brief.' }, { role: 'user' }])
  })
})

it('models lack what their tables say', () => {
  const lacksOf = (kind: string, model: string) =>
    kinds.find((one) => one.kind === kind)?.models?.rulesOf(model, {}).lacks ?? []
  expect(lacksOf('openai', 'text-embedding-3-small')).toContain(Capability.CHAT)
  expect(lacksOf('openai', 'gpt-4o')).toEqual([Capability.REASONING, Capability.EMBED])
  expect(lacksOf('openai', 'gpt-5.5')).toEqual([Capability.EMBED])
  expect(lacksOf('gemini', 'gemma-3-27b-it')).toContain(Capability.TOOLS)
})
