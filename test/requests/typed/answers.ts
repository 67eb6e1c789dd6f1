import { ReasoningEffort } from '../../../src/domain/types.ts'
import type { TypedRequest } from '../requests.ts'
import { assistant, call, city, result, text, user, weather } from './said.ts'

const hi = { messages: [user('Hi.')] }
const effort = (value: ReasoningEffort) => ({ amount: { case: 'effort', value } }) as const
const budget = (value: number) => ({ amount: { case: 'budgetTokens', value } }) as const

const book = {
  type: 'object',
  properties: { title: { type: 'string' }, year: { type: 'integer' } },
  required: ['title', 'year'],
  additionalProperties: false,
}
const bookFormat = { name: 'book', description: 'A book.', schema: JSON.stringify(book) }

/** How the answer is to be: its shape, its length, its randomness, and how much is thought before it. */
export const answers = {
  'text-format': { ...hi, responseFormat: { format: { case: 'text', value: {} } } },
  'any-json': { ...hi, responseFormat: { format: { case: 'jsonObject', value: {} } } },
  'json-schema': { ...hi, responseFormat: { format: { case: 'jsonSchema', value: bookFormat } } },
  'strict-json-schema': {
    ...hi,
    responseFormat: { format: { case: 'jsonSchema', value: { ...bookFormat, strict: true } } },
  },
  'json-schema-without-a-name': {
    ...hi,
    responseFormat: { format: { case: 'jsonSchema', value: { schema: JSON.stringify(city) } } },
  },
  'json-schema-and-a-tool': {
    ...hi,
    tools: [weather],
    responseFormat: { format: { case: 'jsonSchema', value: bookFormat } },
  },
  'max-tokens': { ...hi, maxTokens: 100 },
  stop: { ...hi, stop: ['END', '\n\n'] },
  'five-stops': { ...hi, stop: ['a', 'b', 'c', 'd', 'e'] },
  seed: { ...hi, seed: 7n },
  'large-seed': { ...hi, seed: 9_007_199_254_740_991n },
  'temperature-zero': { ...hi, temperature: 0 },
  'temperature-two': { ...hi, temperature: 2 },
  'top-p-and-top-k': { ...hi, topP: 0.5, topK: 40 },
  'temperature-and-top-p': { ...hi, temperature: 0.5, topP: 0.5 },
  penalties: { ...hi, frequencyPenalty: 0.5, presencePenalty: -0.5 },
  'no-thinking': { ...hi, reasoning: effort(ReasoningEffort.NONE) },
  'minimal-effort': { ...hi, reasoning: effort(ReasoningEffort.MINIMAL) },
  'low-effort': { ...hi, reasoning: effort(ReasoningEffort.LOW) },
  'high-effort': { ...hi, reasoning: effort(ReasoningEffort.HIGH) },
  'thinking-budget': { ...hi, reasoning: budget(2000) },
  'thinking-budget-zero': { ...hi, reasoning: budget(0) },
  'thinking-budget-and-max-tokens': { ...hi, reasoning: budget(2000), maxTokens: 1500 },
  'thinking-and-everything': {
    ...hi,
    reasoning: effort(ReasoningEffort.HIGH),
    maxTokens: 1000,
    temperature: 0.5,
    topP: 0.5,
    topK: 40,
    stop: ['END'],
    seed: 7n,
  },
  'thinking-and-a-forced-tool': {
    ...hi,
    reasoning: effort(ReasoningEffort.LOW),
    tools: [weather],
    toolChoice: { choice: { case: 'name', value: 'get_weather' } },
  },
  'signed-reasoning-sent-back': {
    messages: [
      user('The weather in Oslo?'),
      assistant('I look.', {
        reasoning: [{ text: 'Ask the tool.', signature: 'c2lnbmVk' }],
        toolCalls: [call('call_1', 'get_weather', '{"city":"Oslo"}')],
      }),
      result('call_1', 'Rain.'),
    ],
    tools: [weather],
    reasoning: effort(ReasoningEffort.LOW),
  },
  'redacted-reasoning-sent-back': {
    messages: [
      user('Hi.'),
      assistant('Hello.', { reasoning: [{ text: 'Greet.', signature: 'c2lnbmVk' }, { redacted: 'c2VjcmV0' }] }),
      user('Well?'),
    ],
    reasoning: effort(ReasoningEffort.LOW),
  },
  'unsigned-reasoning-sent-back': {
    messages: [user('Hi.'), assistant('Hello.', { reasoning: [{ text: 'Greet.' }] }), user('Well?')],
  },
  'signed-text-sent-back': {
    messages: [
      user('Hi.'),
      assistant('Hello.', { parts: [{ ...text('Hello.'), signature: 'c2lnbmVk' }] }),
      user('Well?'),
    ],
  },
  'provider-options': {
    ...hi,
    providerOptions: {
      openai: { service_tier: 'flex' },
      azure: { user: 'u1' },
      groq: { service_tier: 'flex' },
      openrouter: { provider: { order: ['anthropic'] } },
      anthropic: { metadata: { user_id: 'ann' } },
      gemini: {
        generationConfig: { responseLogprobs: true },
        safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }],
      },
      ollama: { num_ctx: 8192, keep_alive: '10m' },
    },
  },
  'provider-options-win': {
    ...hi,
    temperature: 0.2,
    providerOptions: {
      openai: { temperature: 0.7 },
      azure: { temperature: 0.7 },
      groq: { temperature: 0.7 },
      openrouter: { temperature: 0.7 },
      anthropic: { temperature: 0.7 },
      gemini: { generationConfig: { temperature: 0.7 } },
      ollama: { temperature: 0.7 },
    },
  },
} satisfies Record<string, TypedRequest>
