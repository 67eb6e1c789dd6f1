import { describe, expect, it } from 'vitest'
import { Role } from '../../../src/domain/types.ts'
import { makerOf } from '../../../src/providers/vendors/signature.ts'
import { encodeChat } from '../../support/encode.ts'

/** How signatures of these makers really begin. */
const anthropic = ['EtYDCkYICxgCKkAVHEWRYo6R', 'EooCCkYICxgCKkDYW6Ka+Mo7', 'Eu0CCkgIBxABGAIqQJDccbDQ']
const google = [
  'CvYDAY89a1+xDR7KPhKB9CbK',
  'Ci8Bjz1rXzqIUO4hDWx0cIAc',
  'EqIZCp8ZAQw51sen4ktPTwPD',
  'AVSoXO4AzAXs7GGvOY63fp8C',
]

describe('the maker of a signature', () => {
  it.each(anthropic)('shows in its first bytes: %s is of Anthropic', (signature) => {
    expect(makerOf(signature)).toBe('anthropic')
  })

  it.each(google)('shows in its first bytes: %s is of Google', (signature) => {
    expect(makerOf(signature)).toBe('google')
  })

  it.each(['c2lnbmVk', 'Cg==', 'EgA=', 'Eg', '////////', 'EgIKAA=='])('of %s may be any', (signature) => {
    expect(makerOf(signature)).toBe('unknown')
  })

  it.each(['', 'not base64!', '{"type":"reasoning.encrypted"}'])('of %j is none', (signature) => {
    expect(makerOf(signature)).toBeUndefined()
  })
})

describe('a conversation that changes vendors', () => {
  const [claudes = ''] = anthropic
  const [geminis = ''] = google
  const turn = (signature: string) => ({
    messages: [
      { role: Role.USER, content: 'Weather?' },
      {
        role: Role.ASSISTANT,
        content: 'I look.',
        parts: [{ content: { case: 'text', value: 'I look.' }, signature } as const],
        reasoning: [{ text: 'Ask.', signature }],
        toolCalls: [{ id: 'a', name: 'weather', arguments: '{}', signature }],
      },
      { role: Role.TOOL, toolCallId: 'a', content: 'Sun.' },
    ],
    tools: [{ name: 'weather' }],
  })
  const REASONING = 'messages[1].reasoning[0]'
  const [TEXT, CALL] = ['messages[1].parts[0].signature', 'messages[1].tool_calls[0].signature']

  it.each([
    ['anthropic', 'claude-haiku-4-5', geminis, [REASONING, TEXT, CALL]],
    ['gemini', 'gemini-3-pro', claudes, [TEXT, `${REASONING}.signature`, CALL]],
    ['local', 'gemini-3-pro', claudes, [TEXT, CALL, `${REASONING}.signature`]],
    ['openai', 'gpt-5', geminis, [TEXT, CALL, REASONING]],
    ['deepseek', 'deepseek-reasoner', claudes, [TEXT, CALL, `${REASONING}.signature`]],
    ['ollama', 'qwen3', claudes, [`${REASONING}.signature`, TEXT, CALL]],
  ])('leaves behind what %s cannot read, and says so', (kind, model, signature, leftOut) => {
    const encoded = encodeChat(kind, turn(signature), { model })
    expect(encoded.body).not.toContain(signature)
    expect(encoded.body).toContain('I look.')
    expect(encoded.leftOut).toEqual(leftOut)
  })

  it.each([
    ['anthropic', 'claude-haiku-4-5', claudes],
    ['gemini', 'gemini-3-pro', geminis],
  ])('and comes back to %s has its signatures still', (kind, model, signature) => {
    expect(encodeChat(kind, turn(signature), { model }).body).toContain(signature)
  })

  it('is not thought about further by a vendor whose own thoughts are missing from its calls', () => {
    const reasoning = { amount: { case: 'budgetTokens', value: 2000 } } as const
    const { json, leftOut } = encodeChat('anthropic', { ...turn(geminis), reasoning }, { model: 'claude-haiku-4-5' })
    expect(json).not.toHaveProperty('thinking')
    expect(leftOut).toContain('reasoning')
  })
})
