import {
  type Content,
  FunctionCallingConfigMode,
  type GenerateContentParameters,
  GoogleGenAI,
  ThinkingLevel,
} from '@google/genai'
import { KEY } from '../recorder.ts'
import { PDF, PIXEL, WAV } from '../typed/said.ts'
import type { Intents, Say } from './say.ts'
import { book, city, nested } from './schemas.ts'

type Params = Omit<GenerateContentParameters, 'model'>

const { AUTO, ANY, NONE } = FunctionCallingConfigMode

const hi = 'Hi.'
const asked: Content = { role: 'user', parts: [{ text: 'The weather in Oslo and Rome, please.' }] }
const weather = { name: 'get_weather', description: 'The weather in a city.', parametersJsonSchema: city }
const time = { name: 'get_time', parametersJsonSchema: city }
const offering = (...functionDeclarations: object[]) => ({ tools: [{ functionDeclarations }] })
const choosing = (mode: FunctionCallingConfigMode, ...allowedFunctionNames: string[]) => ({
  toolConfig: { functionCallingConfig: { mode, ...(allowedFunctionNames.length > 0 && { allowedFunctionNames }) } },
})
const user = (...parts: NonNullable<Content['parts']>): Content => ({ role: 'user', parts })
const model = (...parts: NonNullable<Content['parts']>): Content => ({ role: 'model', parts })
const calling = (name: string, args: Record<string, unknown>) => ({ functionCall: { name, args } })
const reported = (name: string, response: Record<string, unknown>) => ({ functionResponse: { name, response } })
const pixel = { inlineData: { mimeType: 'image/png', data: PIXEL } }

const intents: Intents<Params> = {
  'user-text': { contents: hi },
  'system-text': { contents: hi, config: { systemInstruction: 'Be brief.' } },
  'developer-text': { contents: hi, config: { systemInstruction: 'Be brief.' } },
  'two-system-texts': {
    contents: hi,
    config: { systemInstruction: { parts: [{ text: 'Be brief.' }, { text: 'Rhyme.' }] } },
  },
  'consecutive-users': { contents: [user({ text: 'Hi.' }, { text: 'Are you there?' })] },
  'assistant-last': { contents: [user({ text: 'Count to three.' }), model({ text: 'One, two,' })] },
  'text-parts': { contents: [user({ text: 'One.' }, { text: 'Two.' })] },
  unicode: { contents: 'Grüße, 世界 🎉 "quoted" \\ \n\u2028 end' },
  'image-bytes': { contents: [user({ text: 'What is this?' }, pixel)] },
  'image-url': {
    contents: [
      user({ text: 'What is this?' }, { fileData: { mimeType: 'image/png', fileUri: 'https://example.com/cat.png' } }),
    ],
  },
  'pdf-bytes': {
    contents: [user({ inlineData: { mimeType: 'application/pdf', data: PDF } }, { text: 'Sum it up.' })],
  },
  'sound-bytes': {
    contents: [user({ text: 'Write it down.' }, { inlineData: { mimeType: 'audio/wav', data: WAV } })],
  },
  'one-tool': { contents: [asked], config: offering(weather) },
  'tool-without-arguments': { contents: [asked], config: offering({ name: 'get_time' }) },
  'tool-with-nested-schema': {
    contents: [asked],
    config: offering({ name: 'place_order', parametersJsonSchema: nested }),
  },
  'choice-auto': { contents: [asked], config: { ...offering(weather), ...choosing(AUTO) } },
  'choice-none': { contents: [asked], config: { ...offering(weather), ...choosing(NONE) } },
  'choice-required': { contents: [asked], config: { ...offering(weather, time), ...choosing(ANY) } },
  'choice-by-name': { contents: [asked], config: { ...offering(weather, time), ...choosing(ANY, 'get_time') } },
  'any-json': { contents: hi, config: { responseMimeType: 'application/json' } },
  'json-schema': { contents: hi, config: { responseMimeType: 'application/json', responseJsonSchema: book } },
  'max-tokens': { contents: hi, config: { maxOutputTokens: 100 } },
  stop: { contents: hi, config: { stopSequences: ['END', '\n\n'] } },
  seed: { contents: hi, config: { seed: 7 } },
  'temperature-zero': { contents: hi, config: { temperature: 0 } },
  'top-p-and-top-k': { contents: hi, config: { topP: 0.5, topK: 40 } },
}

/** Models that are told how many tokens to think, and that ask for no signatures of calls. */
const byBudget: Intents<Params> = {
  'no-thinking': { contents: hi, config: { thinkingConfig: { thinkingBudget: 0 } } },
  'thinking-budget': { contents: hi, config: { thinkingConfig: { thinkingBudget: 2000, includeThoughts: true } } },
  'tool-result': {
    contents: [
      asked,
      model({ text: 'I look.' }, calling('get_weather', { city: 'Oslo' })),
      user(reported('get_weather', { output: 'Rain.' })),
    ],
    config: offering(weather),
  },
  'tool-result-as-json': {
    contents: [
      asked,
      model(calling('get_weather', { city: 'Oslo' })),
      user(reported('get_weather', { sky: 'rain', celsius: 4 })),
    ],
    config: offering(weather),
  },
}

const byLevel: Intents<Params> = {
  'low-effort': {
    contents: hi,
    config: { thinkingConfig: { thinkingLevel: ThinkingLevel.LOW, includeThoughts: true } },
  },
  'high-effort': {
    contents: hi,
    config: { thinkingConfig: { thinkingLevel: ThinkingLevel.HIGH, includeThoughts: true } },
  },
}

const both: Intents<Params> = {
  'signed-call': {
    contents: [
      asked,
      model({ ...calling('get_weather', { city: 'Oslo' }), thoughtSignature: 'c2lnbmVk' }),
      user(reported('get_weather', { output: 'Rain.' })),
    ],
    config: offering(weather),
  },
  'signed-text-sent-back': {
    contents: [user({ text: 'Hi.' }), model({ text: 'Hello.', thoughtSignature: 'c2lnbmVk' }), user({ text: 'Well?' })],
  },
}

export const sayGemini: Say = (wire, address, request) => {
  const params = { ...intents, ...both, ...(wire.name === 'gemini-levels' ? byLevel : byBudget) }[request]
  // The client adds the version of the API by itself.
  const client = () => new GoogleGenAI({ apiKey: KEY, apiVersion: '', httpOptions: { baseUrl: address } })
  if (request === 'streamed') return client().models.generateContentStream({ model: wire.model, contents: hi })
  return params && client().models.generateContent({ model: wire.model, ...params })
}
