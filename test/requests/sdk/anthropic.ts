import Anthropic from '@anthropic-ai/sdk'
import type { ContentBlockParam, MessageParam, Tool } from '@anthropic-ai/sdk/resources/messages'
import { KEY } from '../recorder.ts'
import { PDF, PIXEL } from '../typed/said.ts'
import type { AnthropicBody } from '../types/anthropic.ts'
import type { Intents, Say } from './say.ts'
import { book, city, nested } from './schemas.ts'

// The gateway's own default: the API demands a number.
const max_tokens = 4096

type Params = Omit<AnthropicBody, 'model' | 'max_tokens'> & { max_tokens?: number }

const hi: MessageParam[] = [{ role: 'user', content: 'Hi.' }]
const asked: MessageParam = { role: 'user', content: 'The weather in Oslo and Rome, please.' }
const weather: Tool = { name: 'get_weather', description: 'The weather in a city.', input_schema: city }
const time: Tool = { name: 'get_time', input_schema: city }
const calling = (id: string, name: string, input: unknown) => ({ type: 'tool_use', id, name, input }) as const
const oslo = calling('call_1', 'get_weather', { city: 'Oslo' })
const rome = calling('call_2', 'get_weather', { city: 'Rome' })
const reported = (tool_use_id: string, content: string) => ({ type: 'tool_result', tool_use_id, content }) as const
const user = (...content: ContentBlockParam[]): MessageParam => ({ role: 'user', content })
const answer = (...content: ContentBlockParam[]): MessageParam => ({ role: 'assistant', content })
const text = (value: string) => ({ type: 'text', text: value }) as const
const pixel = { type: 'base64', media_type: 'image/png', data: PIXEL } as const
const bookFormat = { format: { type: 'json_schema', schema: { description: 'A book.', ...book } } } as const

const intents: Intents<Params> = {
  'user-text': { messages: hi },
  'system-text': { messages: hi, system: 'Be brief.' },
  'developer-text': { messages: hi, system: 'Be brief.' },
  'two-system-texts': { messages: hi, system: [text('Be brief.'), text('Rhyme.')] },
  'system-in-the-middle': {
    messages: [...hi, answer(text('Hello.')), user(text('Who are you?'))],
    system: 'From now on, rhyme.',
  },
  'consecutive-users': { messages: [user(text('Hi.'), text('Are you there?'))] },
  'assistant-first': { messages: [{ role: 'assistant', content: 'How can I help?' }, ...hi] },
  'text-parts': { messages: [user(text('One.'), text('Two.'))] },
  'refusal-sent-back': { messages: [...hi, answer(text('I will not.')), user(text('Why?'))] },
  unicode: { messages: [user(text('Grüße, 世界 🎉 "quoted" \\ \n\u2028 end'))] },
  streamed: { messages: hi, stream: true },
  'streamed-with-a-tool': { messages: [asked], tools: [weather], stream: true },
  'image-bytes': { messages: [user(text('What is this?'), { type: 'image', source: pixel })] },
  'image-url': {
    messages: [
      user(text('What is this?'), { type: 'image', source: { type: 'url', url: 'https://example.com/cat.png' } }),
    ],
  },
  'pdf-bytes': {
    messages: [
      user(
        {
          type: 'document',
          source: { type: 'base64', media_type: 'application/pdf', data: PDF },
          title: 'report.pdf',
        },
        text('Sum it up.'),
      ),
    ],
  },
  'pdf-url': {
    messages: [
      user({ type: 'document', source: { type: 'url', url: 'https://example.com/report.pdf' } }, text('Sum it up.')),
    ],
  },
  'text-file-bytes': {
    messages: [
      user(
        {
          type: 'document',
          source: { type: 'text', media_type: 'text/plain', data: 'Hello.' },
          title: 'note.txt',
        },
        text('Sum it up.'),
      ),
    ],
  },
  'image-in-a-result': {
    messages: [
      user(text('Draw.')),
      answer(oslo),
      user({ ...reported('call_1', ''), content: [text('Here:'), { type: 'image', source: pixel }] }),
    ],
    tools: [weather],
  },
  'cache-marks': {
    messages: [
      user({ ...text('A long document.'), cache_control: { type: 'ephemeral', ttl: '5m' } }, text('Sum it up.')),
    ],
    system: [{ ...text('A long instruction.'), cache_control: { type: 'ephemeral', ttl: '1h' } }],
  },
  'one-tool': { messages: [asked], tools: [weather] },
  'tool-with-nested-schema': { messages: [asked], tools: [{ name: 'place_order', input_schema: nested }] },
  'strict-tool': {
    messages: [asked],
    tools: [
      {
        name: 'place_order',
        strict: true,
        input_schema: { type: 'object', properties: {}, additionalProperties: false },
      },
    ],
  },
  'choice-auto': { messages: [asked], tools: [weather], tool_choice: { type: 'auto' } },
  'choice-none': { messages: [asked], tools: [weather], tool_choice: { type: 'none' } },
  'choice-required': { messages: [asked], tools: [weather, time], tool_choice: { type: 'any' } },
  'choice-by-name': { messages: [asked], tools: [weather, time], tool_choice: { type: 'tool', name: 'get_time' } },
  'one-call-at-a-time': {
    messages: [asked],
    tools: [weather, time],
    tool_choice: { type: 'auto', disable_parallel_tool_use: true },
  },
  'one-forced-call': {
    messages: [asked],
    tools: [weather],
    tool_choice: { type: 'any', disable_parallel_tool_use: true },
  },
  'tool-result': {
    messages: [asked, answer(text('I look.'), oslo), user(reported('call_1', 'Rain.'))],
    tools: [weather],
  },
  'parallel-results-out-of-order': {
    messages: [asked, answer(oslo, rome), user(reported('call_2', 'Sun.'), reported('call_1', 'Rain.'))],
    tools: [weather],
  },
  'results-and-a-question': {
    messages: [
      asked,
      answer(oslo, rome),
      user(reported('call_1', 'Rain.'), reported('call_2', 'Sun.'), text('Which is warmer?')),
    ],
    tools: [weather],
  },
  'json-schema': { messages: hi, output_config: bookFormat },
  'json-schema-and-a-tool': { messages: hi, tools: [weather], output_config: bookFormat },
  'max-tokens': { messages: hi, max_tokens: 100 },
  'five-stops': { messages: hi, stop_sequences: ['a', 'b', 'c', 'd', 'e'] },
  'provider-options': { messages: hi, metadata: { user_id: 'ann' } },
}

const thoughts = { type: 'thinking', thinking: 'Ask the tool.', signature: 'c2lnbmVk' } as const
const greeting = { type: 'thinking', thinking: 'Greet.', signature: 'c2lnbmVk' } as const
const secret = { type: 'redacted_thinking', data: 'c2VjcmV0' } as const
const afterThinking = {
  messages: [
    user(text('The weather in Oslo?')),
    answer(thoughts, text('I look.'), oslo),
    user(reported('call_1', 'Rain.')),
  ],
  tools: [weather],
}
const afterSecret = { messages: [...hi, answer(greeting, secret, text('Hello.')), user(text('Well?'))] }

/** Models that are told how many tokens to think. The answer has its 4096 beside them. */
const byBudget: Intents<Params> = {
  'temperature-zero': { messages: hi, temperature: 0 },
  'top-p-and-top-k': { messages: hi, top_p: 0.5, top_k: 40 },
  'thinking-budget': {
    messages: hi,
    thinking: { type: 'enabled', budget_tokens: 2000 },
    max_tokens: 2000 + max_tokens,
  },
  'signed-reasoning-sent-back': {
    ...afterThinking,
    thinking: { type: 'enabled', budget_tokens: 2048 },
    max_tokens: 2048 + max_tokens,
  },
  'redacted-reasoning-sent-back': {
    ...afterSecret,
    thinking: { type: 'enabled', budget_tokens: 2048 },
    max_tokens: 2048 + max_tokens,
  },
}

/** Models that think as they see fit. */
const adaptive: Intents<Params> = {
  'high-effort': {
    messages: hi,
    thinking: { type: 'adaptive', display: 'summarized' },
    output_config: { effort: 'high' },
    max_tokens: 16384 + max_tokens,
  },
  'signed-reasoning-sent-back': {
    ...afterThinking,
    thinking: { type: 'adaptive', display: 'summarized' },
    output_config: { effort: 'low' },
    max_tokens: 2048 + max_tokens,
  },
}

/**
 * The client speaks another version of the API than the gateway, see `types/anthropic.ts`, and sends keys as bearer
 * tokens: its headers are no measure.
 */
export const sayAnthropic: Say = ({ name, model }, baseURL, request) => {
  const params = { ...intents, ...(name === 'anthropic-adaptive' ? adaptive : byBudget) }[request]
  const client = () => new Anthropic({ apiKey: KEY, baseURL, maxRetries: 0 })
  return params && client().messages.create({ model, max_tokens, ...params })
}
