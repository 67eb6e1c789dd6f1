import { OpenAI } from 'openai'
import type { FunctionTool, ResponseCreateParams, ResponseInputItem } from 'openai/resources/responses/responses'
import { KEY } from '../recorder.ts'
import { PDF, PIXEL } from '../typed/said.ts'
import type { Intents, Say } from './say.ts'
import { book, city, nested } from './schemas.ts'

type Params = Omit<ResponseCreateParams, 'model'>

const hi: ResponseInputItem[] = [{ role: 'user', content: 'Hi.' }]
const asked: ResponseInputItem = { role: 'user', content: 'The weather in Oslo and Rome, please.' }
const named = (name: string, parameters: FunctionTool['parameters'] = null, description?: string): FunctionTool => ({
  type: 'function',
  name,
  parameters,
  strict: false,
  ...(description !== undefined && { description }),
})
const weather = named('get_weather', city, 'The weather in a city.')
const time = named('get_time', city)
const calling = (call_id: string, name: string, args: string) =>
  ({ type: 'function_call', call_id, name, arguments: args }) as const
const oslo = calling('call_1', 'get_weather', '{"city":"Oslo"}')
const rome = calling('call_2', 'get_weather', '{"city":"Rome"}')
const reported = (call_id: string, output: string) => ({ type: 'function_call_output', call_id, output }) as const
const bookFormat = { type: 'json_schema', name: 'book', description: 'A book.', schema: book } as const
const seen = (image_url: string): ResponseInputItem => ({
  role: 'user',
  content: [
    { type: 'input_text', text: 'What is this?' },
    { type: 'input_image', image_url, detail: 'auto' },
  ],
})

const intents: Intents<Params> = {
  'user-text': { input: hi },
  'system-text': { instructions: 'Be brief.', input: hi },
  'developer-text': { input: [{ role: 'developer', content: 'Be brief.' }, ...hi] },
  'two-system-texts': { instructions: 'Be brief.', input: [{ role: 'developer', content: 'Rhyme.' }, ...hi] },
  'system-in-the-middle': {
    input: [
      ...hi,
      { role: 'assistant', content: 'Hello.' },
      { role: 'system', content: 'From now on, rhyme.' },
      { role: 'user', content: 'Who are you?' },
    ],
  },
  'consecutive-users': { input: [...hi, { role: 'user', content: 'Are you there?' }] },
  unicode: { input: [{ role: 'user', content: 'Grüße, 世界 🎉 "quoted" \\ \n\u2028 end' }] },
  streamed: { input: hi, stream: true },
  'streamed-with-a-tool': { input: [asked], tools: [weather], stream: true },
  'image-bytes': { input: [seen(`data:image/png;base64,${PIXEL}`)] },
  'image-url': { input: [seen('https://example.com/cat.png')] },
  'pdf-bytes': {
    input: [
      {
        role: 'user',
        content: [
          { type: 'input_file', filename: 'report.pdf', file_data: `data:application/pdf;base64,${PDF}` },
          { type: 'input_text', text: 'Sum it up.' },
        ],
      },
    ],
  },
  'one-tool': { input: [asked], tools: [weather] },
  'tool-without-arguments': { input: [asked], tools: [named('get_time')] },
  'tool-with-nested-schema': { input: [asked], tools: [named('place_order', nested)] },
  'choice-auto': { input: [asked], tools: [weather], tool_choice: 'auto' },
  'choice-none': { input: [asked], tools: [weather], tool_choice: 'none' },
  'choice-required': { input: [asked], tools: [weather, time], tool_choice: 'required' },
  'choice-by-name': { input: [asked], tools: [weather, time], tool_choice: { type: 'function', name: 'get_time' } },
  'one-call-at-a-time': { input: [asked], tools: [weather, time], parallel_tool_calls: false },
  'tool-result': {
    input: [asked, { role: 'assistant', content: 'I look.' }, oslo, reported('call_1', 'Rain.')],
    tools: [weather],
  },
  'parallel-results-out-of-order': {
    input: [asked, oslo, rome, reported('call_2', 'Sun.'), reported('call_1', 'Rain.')],
    tools: [weather],
  },
  'any-json': { input: hi, text: { format: { type: 'json_object' } } },
  'json-schema': { input: hi, text: { format: bookFormat } },
  'strict-json-schema': { input: hi, text: { format: { ...bookFormat, strict: true } } },
  'json-schema-and-a-tool': { input: hi, tools: [weather], text: { format: bookFormat } },
  'max-tokens': { input: hi, max_output_tokens: 100 },
  'low-effort': { input: hi, reasoning: { effort: 'low' } },
  'high-effort': { input: hi, reasoning: { effort: 'high' } },
}

/** The gateway never stores responses, so that the reasoning has to be returned for the next request. */
export const sayOpenAiResponses: Say = ({ model }, baseURL, request) => {
  const params = intents[request]
  const unstored = { store: false, include: ['reasoning.encrypted_content' as const] }
  return (
    params && new OpenAI({ apiKey: KEY, baseURL, maxRetries: 0 }).responses.create({ model, ...unstored, ...params })
  )
}
