import { ToolChoiceMode } from '../../../src/domain/types.ts'
import type { TypedRequest } from '../requests.ts'
import { assistant, call, result, system, time, tool, user, weather } from './said.ts'

const nested = {
  type: 'object',
  properties: {
    order: {
      type: 'object',
      properties: {
        items: { type: 'array', items: { $ref: '#/$defs/item' }, minItems: 1 },
        paid: { type: ['boolean', 'null'] },
        kind: { type: 'string', enum: ['gift', 'sale'] },
        10: { type: 'number', minimum: 0 },
      },
      required: ['items'],
      additionalProperties: false,
    },
  },
  required: ['order'],
  additionalProperties: false,
  $defs: { item: { type: 'object', properties: { sku: { type: 'string', pattern: '^[a-z]+$' } } } },
}

const asked = user('The weather in Oslo and Rome, please.')
const oslo = call('call_1', 'get_weather', '{"city":"Oslo"}')
const rome = call('call_2', 'get_weather', '{"city":"Rome"}')
const mode = (value: ToolChoiceMode) => ({ choice: { case: 'mode', value } }) as const

/** Tools: offered, forced, forbidden, called, and answered. */
export const tools = {
  'one-tool': { messages: [asked], tools: [weather] },
  'streamed-with-a-tool': { messages: [asked], tools: [weather], streamed: true },
  'tool-without-arguments': { messages: [asked], tools: [tool('get_time')] },
  'tool-with-nested-schema': { messages: [asked], tools: [tool('place_order', nested)] },
  'strict-tool': {
    messages: [asked],
    tools: [tool('place_order', { type: 'object', properties: {}, additionalProperties: false }, { strict: true })],
  },
  'tool-with-a-dot': { messages: [asked], tools: [tool('weather.get', { type: 'object', properties: {} })] },
  'choice-auto': { messages: [asked], tools: [weather], toolChoice: mode(ToolChoiceMode.AUTO) },
  'choice-none': { messages: [asked], tools: [weather], toolChoice: mode(ToolChoiceMode.NONE) },
  'choice-required': { messages: [asked], tools: [weather, time], toolChoice: mode(ToolChoiceMode.REQUIRED) },
  'choice-by-name': {
    messages: [asked],
    tools: [weather, time],
    toolChoice: { choice: { case: 'name', value: 'get_time' } },
  },
  'choice-none-without-tools': { messages: [asked], toolChoice: mode(ToolChoiceMode.NONE) },
  'one-call-at-a-time': { messages: [asked], tools: [weather, time], parallelToolCalls: false },
  'one-forced-call': {
    messages: [asked],
    tools: [weather],
    toolChoice: mode(ToolChoiceMode.REQUIRED),
    parallelToolCalls: false,
  },
  'tool-result': {
    messages: [asked, assistant('I look.', { toolCalls: [oslo] }), result('call_1', 'Rain.')],
    tools: [weather],
  },
  'tool-result-as-json': {
    messages: [asked, assistant('', { toolCalls: [oslo] }), result('call_1', '{"sky":"rain","celsius":4}')],
    tools: [weather],
  },
  'tool-result-without-tools': {
    messages: [asked, assistant('', { toolCalls: [oslo] }), result('call_1', 'Rain.'), user('Thanks.')],
  },
  'parallel-results-out-of-order': {
    messages: [
      asked,
      assistant('', { toolCalls: [oslo, rome] }),
      { ...result('call_2', 'Sun.'), name: 'get_weather' },
      { ...result('call_1', 'Rain.'), name: 'get_weather' },
    ],
    tools: [weather],
  },
  'results-and-a-question': {
    messages: [
      asked,
      assistant('', { toolCalls: [oslo, rome] }),
      result('call_1', 'Rain.'),
      result('call_2', 'Sun.'),
      user('Which is warmer?'),
    ],
    tools: [weather],
  },
  'system-between-results': {
    messages: [
      asked,
      assistant('', { toolCalls: [oslo, rome] }),
      result('call_1', 'Rain.'),
      system('Answer in Latin.'),
      result('call_2', 'Sun.'),
    ],
    tools: [weather],
  },
  'empty-result': { messages: [asked, assistant('', { toolCalls: [oslo] }), result('call_1', '')], tools: [weather] },
  'call-without-arguments': {
    messages: [asked, assistant('', { toolCalls: [call('call_1', 'get_time', '')] }), result('call_1', 'Noon.')],
    tools: [tool('get_time')],
  },
  'call-with-broken-arguments': {
    messages: [
      asked,
      assistant('', { toolCalls: [call('call_1', 'get_weather', '{"city":"Os')] }),
      result('call_1', 'Broken arguments.'),
    ],
    tools: [weather],
  },
  'ids-of-another-vendor': {
    messages: [
      asked,
      assistant('', { toolCalls: [call('functions.get_weather:0', 'get_weather', '{"city":"Oslo"}')] }),
      result('functions.get_weather:0', 'Rain.'),
    ],
    tools: [weather],
  },
  'long-ids': {
    messages: [
      asked,
      assistant('', { toolCalls: [call(`chatcmpl-tool-${'0a'.repeat(16)}`, 'get_weather', '{"city":"Oslo"}')] }),
      result(`chatcmpl-tool-${'0a'.repeat(16)}`, 'Rain.'),
    ],
    tools: [weather],
  },
  'signed-call': {
    messages: [
      asked,
      assistant('', { toolCalls: [call('call_1', 'get_weather', '{"city":"Oslo"}', 'c2lnbmVk')] }),
      result('call_1', 'Rain.'),
    ],
    tools: [weather],
  },
} satisfies Record<string, TypedRequest>
