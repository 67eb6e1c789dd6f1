import { type Message, Ollama } from 'ollama'
import { PIXEL } from '../typed/said.ts'
import type { OllamaBody } from '../types/ollama.ts'
import type { Intents, Say } from './say.ts'
import { book, city, nested } from './schemas.ts'

type Params = Omit<OllamaBody, 'model' | 'stream'>

const hi: Message[] = [{ role: 'user', content: 'Hi.' }]
const asked: Message = { role: 'user', content: 'The weather in Oslo and Rome, please.' }
const weather = {
  type: 'function',
  function: { name: 'get_weather', description: 'The weather in a city.', parameters: city },
}

const intents: Intents<Params> = {
  'user-text': { messages: hi },
  'system-text': { messages: [{ role: 'system', content: 'Be brief.' }, ...hi] },
  'developer-text': { messages: [{ role: 'system', content: 'Be brief.' }, ...hi] },
  'consecutive-users': { messages: [...hi, { role: 'user', content: 'Are you there?' }] },
  'assistant-last': {
    messages: [
      { role: 'user', content: 'Count to three.' },
      { role: 'assistant', content: 'One, two,' },
    ],
  },
  unicode: { messages: [{ role: 'user', content: 'Grüße, 世界 🎉 "quoted" \\ \n\u2028 end' }] },
  'image-bytes': { messages: [{ role: 'user', content: 'What is this?', images: [PIXEL] }] },
  'one-tool': { messages: [asked], tools: [weather] },
  'tool-with-nested-schema': {
    messages: [asked],
    tools: [{ type: 'function', function: { name: 'place_order', parameters: nested } }],
  },
  'tool-result': {
    messages: [
      asked,
      {
        role: 'assistant',
        content: 'I look.',
        tool_calls: [{ function: { name: 'get_weather', arguments: { city: 'Oslo' } } }],
      },
      { role: 'tool', content: 'Rain.', tool_name: 'get_weather' },
    ],
    tools: [weather],
  },
  'any-json': { messages: hi, format: 'json' },
  'json-schema': { messages: hi, format: book },
  'max-tokens': { messages: hi, options: { num_predict: 100 } },
  stop: { messages: hi, options: { stop: ['END', '\n\n'] } },
  seed: { messages: hi, options: { seed: 7 } },
  'temperature-zero': { messages: hi, options: { temperature: 0 } },
  'top-p-and-top-k': { messages: hi, options: { top_p: 0.5, top_k: 40 } },
  penalties: { messages: hi, options: { frequency_penalty: 0.5, presence_penalty: -0.5 } },
  'no-thinking': { messages: hi, think: false },
  'high-effort': { messages: hi, think: 'high' },
  'unsigned-reasoning-sent-back': {
    messages: [...hi, { role: 'assistant', content: 'Hello.', thinking: 'Greet.' }, { role: 'user', content: 'Well?' }],
  },
  'provider-options': { messages: hi, options: { num_ctx: 8192 }, keep_alive: '10m' },
}

export const sayOllama: Say = ({ model }, host, request) => {
  const params = intents[request]
  const client = () => new Ollama({ host })
  if (request === 'streamed') return client().chat({ model, messages: hi, stream: true })
  return params && client().chat({ model, ...params })
}
