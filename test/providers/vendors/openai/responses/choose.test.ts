import { describe, expect, it } from 'vitest'
import { ReasoningEffort, Role } from '../../../../../src/domain/types.ts'
import { type EncodeOptions, encodeChat, type RequestInit } from '../../../../support/encode.ts'

const CHAT = '/chat/completions'
const RESPONSES = '/responses'
const tools = [{ name: 'weather' }]
const thinking = (value: ReasoningEffort): RequestInit => ({ reasoning: { amount: { case: 'effort', value } } })
const low = thinking(ReasoningEffort.LOW)
const none = thinking(ReasoningEffort.NONE)

function pathOf(kind: string, request: RequestInit, options: EncodeOptions): string {
  return encodeChat(kind, request, options).path
}

describe('OpenAI is asked by the API that the model or the request needs', () => {
  it.each([
    ['gpt-5.5', { tools }, RESPONSES],
    ['gpt-5.6-terra', { tools, ...low }, RESPONSES],
    ['gpt-5.5', { tools, ...none }, CHAT],
    ['gpt-5.5', low, CHAT],
    ['gpt-5.4', { tools, ...low }, RESPONSES],
    ['gpt-5.4', { tools }, CHAT],
    ['gpt-5-mini', { tools, ...low }, CHAT],
    ['gpt-4o', { tools }, CHAT],
    ['gpt-5-codex', {}, RESPONSES],
    ['gpt-5.1-codex-max', {}, RESPONSES],
    ['codex-mini-latest', {}, RESPONSES],
    ['gpt-5-pro', {}, RESPONSES],
    ['gpt-5.2-pro-2025-12-11', {}, RESPONSES],
    ['o3-pro', {}, RESPONSES],
    ['o4-mini-deep-research', {}, RESPONSES],
    ['o4-mini', { tools, ...low }, CHAT],
  ])('%s with %j: %s', (model, request, path) => {
    expect(pathOf('openai', request, { model })).toBe(path)
  })

  it('with its reasoning, which a request of a turn before has signed', () => {
    const messages = [{ role: Role.ASSISTANT, content: 'Yes.', reasoning: [{ signature: 'gAAAAABqPBJRAhmec86Fy9tP' }] }]
    expect(pathOf('openai', { messages }, { model: 'gpt-5-mini' })).toBe(RESPONSES)
    expect(pathOf('openai', { messages }, { model: 'gpt-4o' })).toBe(CHAT)
  })

  it('with files that the vendor fetches and images in results of tools', () => {
    const url = { case: 'url', value: 'https://example.com/a' } as const
    const file = { content: { case: 'file', value: { source: url } } } as const
    const image = { content: { case: 'image', value: { source: url } } } as const
    const asked = (role: Role, part: typeof file | typeof image) =>
      pathOf('openai', { messages: [{ role, parts: [part], toolCallId: 'call_1' }] }, { model: 'gpt-4o' })
    expect(asked(Role.USER, file)).toBe(RESPONSES)
    expect(asked(Role.TOOL, image)).toBe(RESPONSES)
    expect(asked(Role.USER, image)).toBe(CHAT)
  })
})

describe('the configuration chooses the API', () => {
  it.each([
    ['openai', 'gpt-4o', { options: { api: 'responses' } }, RESPONSES],
    ['openai', 'gpt-5-pro', { options: { api: 'chat' } }, CHAT],
    ['openai', 'gpt-5-pro', { options: { api: 'responses' }, overrides: { api: 'chat' } }, CHAT],
    ['openai', 'gpt-4o', { options: { api: 'auto' }, overrides: { api: 'responses' } }, RESPONSES],
    ['xai', 'grok-4.3', { options: { api: 'auto' } }, CHAT],
    ['xai', 'grok-4.3', { options: { api: 'responses' } }, RESPONSES],
    ['openrouter', 'openai/gpt-5-pro', {}, CHAT],
    ['openrouter', 'openai/gpt-5-pro', { options: { api: 'responses' } }, RESPONSES],
    ['openai-compatible', 'any', {}, CHAT],
    ['litellm', 'any', { options: { api: 'responses' } }, RESPONSES],
    ['groq', 'any', { options: { api: 'responses' } }, CHAT],
  ] as const)('%s/%s %j: %s', (kind, model, options, path) => {
    expect(pathOf(kind, {}, { model, ...options })).toBe(path)
  })

  it('so that a model which does not think with tools there is told so, and the caller too', () => {
    const { json, leftOut } = encodeChat('openai', { tools }, { model: 'gpt-5.6', options: { api: 'chat' } })
    expect(json).toMatchObject({ reasoning_effort: 'none' })
    expect(leftOut).toEqual(['reasoning'])
  })
})
