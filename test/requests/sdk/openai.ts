import { AzureOpenAI, OpenAI } from 'openai'
import type {
  ChatCompletionCreateParams,
  ChatCompletionMessageParam,
  ChatCompletionTool,
} from 'openai/resources/chat/completions'
import { KEY } from '../recorder.ts'
import { PDF, PIXEL, WAV } from '../typed/said.ts'
import type { Intents, Say } from './say.ts'
import { book, city, nested } from './schemas.ts'

type Params = Omit<ChatCompletionCreateParams, 'model'>

const hi: ChatCompletionMessageParam[] = [{ role: 'user', content: 'Hi.' }]
const asked: ChatCompletionMessageParam = { role: 'user', content: 'The weather in Oslo and Rome, please.' }
const weather: ChatCompletionTool = {
  type: 'function',
  function: { name: 'get_weather', description: 'The weather in a city.', parameters: city },
}
const time: ChatCompletionTool = { type: 'function', function: { name: 'get_time', parameters: city } }
const calling = (id: string, name: string, args: string) =>
  ({ id, type: 'function', function: { name, arguments: args } }) as const
const oslo = calling('call_1', 'get_weather', '{"city":"Oslo"}')
const rome = calling('call_2', 'get_weather', '{"city":"Rome"}')
const reported = (tool_call_id: string, content: string) => ({ role: 'tool', tool_call_id, content }) as const
const bookFormat = { name: 'book', description: 'A book.', schema: book }

const intents: Intents<Params> = {
  'user-text': { messages: hi },
  'system-text': { messages: [{ role: 'system', content: 'Be brief.' }, ...hi] },
  'developer-text': { messages: [{ role: 'developer', content: 'Be brief.' }, ...hi] },
  'two-system-texts': {
    messages: [{ role: 'system', content: 'Be brief.' }, { role: 'developer', content: 'Rhyme.' }, ...hi],
  },
  'system-parts': {
    messages: [
      {
        role: 'system',
        content: [
          { type: 'text', text: 'Be brief.' },
          { type: 'text', text: 'Rhyme.' },
        ],
      },
      ...hi,
    ],
  },
  'consecutive-users': { messages: [...hi, { role: 'user', content: 'Are you there?' }] },
  'text-parts': {
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'One.' },
          { type: 'text', text: 'Two.' },
        ],
      },
    ],
  },
  'named-participants': {
    messages: [
      { role: 'user', content: 'Hi.', name: 'ann' },
      { role: 'assistant', content: 'Hello.', name: 'bot' },
      { role: 'user', content: '!' },
    ],
  },
  'refusal-sent-back': {
    messages: [...hi, { role: 'assistant', refusal: 'I will not.' }, { role: 'user', content: 'Why?' }],
  },
  unicode: { messages: [{ role: 'user', content: 'Grüße, 世界 🎉 "quoted" \\ \n\u2028 end' }] },
  streamed: { messages: hi, stream: true, stream_options: { include_usage: true } },
  'streamed-with-a-tool': {
    messages: [asked],
    tools: [weather],
    stream: true,
    stream_options: { include_usage: true },
  },
  'image-bytes': {
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${PIXEL}` } },
        ],
      },
    ],
  },
  'image-url': {
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image_url', image_url: { url: 'https://example.com/cat.png' } },
        ],
      },
    ],
  },
  'pdf-bytes': {
    messages: [
      {
        role: 'user',
        content: [
          { type: 'file', file: { filename: 'report.pdf', file_data: `data:application/pdf;base64,${PDF}` } },
          { type: 'text', text: 'Sum it up.' },
        ],
      },
    ],
  },
  'sound-bytes': {
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Write it down.' },
          { type: 'input_audio', input_audio: { data: WAV, format: 'wav' } },
        ],
      },
    ],
  },
  'one-tool': { messages: [asked], tools: [weather] },
  'tool-without-arguments': { messages: [asked], tools: [{ type: 'function', function: { name: 'get_time' } }] },
  'tool-with-nested-schema': {
    messages: [asked],
    tools: [{ type: 'function', function: { name: 'place_order', parameters: nested } }],
  },
  'choice-auto': { messages: [asked], tools: [weather], tool_choice: 'auto' },
  'choice-none': { messages: [asked], tools: [weather], tool_choice: 'none' },
  'choice-required': { messages: [asked], tools: [weather, time], tool_choice: 'required' },
  'choice-by-name': {
    messages: [asked],
    tools: [weather, time],
    tool_choice: { type: 'function', function: { name: 'get_time' } },
  },
  'one-call-at-a-time': { messages: [asked], tools: [weather, time], parallel_tool_calls: false },
  'tool-result': {
    messages: [asked, { role: 'assistant', content: 'I look.', tool_calls: [oslo] }, reported('call_1', 'Rain.')],
    tools: [weather],
  },
  'parallel-results-out-of-order': {
    messages: [
      asked,
      { role: 'assistant', tool_calls: [oslo, rome] },
      reported('call_2', 'Sun.'),
      reported('call_1', 'Rain.'),
    ],
    tools: [weather],
  },
  'call-without-arguments': {
    messages: [
      asked,
      { role: 'assistant', tool_calls: [calling('call_1', 'get_time', '{}')] },
      reported('call_1', 'Noon.'),
    ],
    tools: [{ type: 'function', function: { name: 'get_time' } }],
  },
  'any-json': { messages: hi, response_format: { type: 'json_object' } },
  'json-schema': { messages: hi, response_format: { type: 'json_schema', json_schema: bookFormat } },
  'strict-json-schema': {
    messages: hi,
    response_format: { type: 'json_schema', json_schema: { ...bookFormat, strict: true } },
  },
  'json-schema-and-a-tool': {
    messages: hi,
    tools: [weather],
    response_format: { type: 'json_schema', json_schema: bookFormat },
  },
}

/** What only models without reasoning take. */
const plain: Intents<Params> = {
  'max-tokens': { messages: hi, max_tokens: 100 },
  stop: { messages: hi, stop: ['END', '\n\n'] },
  seed: { messages: hi, seed: 7 },
  'temperature-zero': { messages: hi, temperature: 0 },
  'temperature-and-top-p': { messages: hi, temperature: 0.5, top_p: 0.5 },
  penalties: { messages: hi, frequency_penalty: 0.5, presence_penalty: -0.5 },
}

/** What only reasoning models take. */
const reasoning: Intents<Params> = {
  'max-tokens': { messages: hi, max_completion_tokens: 100 },
  'minimal-effort': { messages: hi, reasoning_effort: 'minimal' },
  'low-effort': { messages: hi, reasoning_effort: 'low' },
  'high-effort': { messages: hi, reasoning_effort: 'high' },
}

export const sayOpenAi: Say = ({ model }, baseURL, request) => {
  const params = { ...intents, ...(model === 'gpt-5-mini' ? reasoning : plain) }[request]
  return params && new OpenAI({ apiKey: KEY, baseURL, maxRetries: 0 }).chat.completions.create({ model, ...params })
}

export const sayAzure: Say = ({ model }, endpoint, request) => {
  const params = { ...intents, ...plain }[request]
  const client = () => new AzureOpenAI({ apiKey: KEY, endpoint, apiVersion: '2025-04-01-preview', maxRetries: 0 })
  return params && client().chat.completions.create({ model, ...params })
}

const notInTheFamily: readonly string[] = ['developer-text', 'two-system-texts', 'refusal-sent-back', 'max-tokens']

/** OpenAI's client is the one that the family's vendors document for themselves, too. */
export const sayFamily: Say = (wire, baseURL, request) =>
  notInTheFamily.includes(request) || request === 'pdf-bytes' || request === 'sound-bytes'
    ? undefined
    : sayOpenAi(wire, baseURL, request)
